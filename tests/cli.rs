//! The command line: on the store, and on a running gateway.

mod secrets;
mod terminal;

use dalston_command::Registry;
use kit::{app::MASTER, process::Launch, shell::Shell};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

/// Typed where there is a store, whose only key is another tenant's.
fn on_a_store() -> Shell {
    let shell = Shell::new();
    shell.dalston(&["create-admin-key", "--tenant", "other"]).done();
    shell
}

#[test]
fn keys_are_made_listed_changed_rotated_and_revoked_on_the_store() {
    let shell = on_a_store();
    let made = ["keys", "create", "--name", "N", "--scopes", "jobs:read,realtime", "--rate-limit", "60", "--json"];
    let key = shell.dalston(&made).done().json();
    let id = key["id"].as_str().unwrap();
    assert_eq!((&key["scopes"], &key["rate_limit"]), (&json!(["jobs:read", "realtime"]), &json!(60)));
    assert_eq!(key["created_by"], "operator");
    let secret = key["key"].as_str().unwrap();

    let shown = shell.dalston(&["keys", "get", id, "--json"]).done().json();
    assert_eq!((&shown["id"], shown.get("key")), (&key["id"], None));
    let changed = shell.dalston(&["keys", "update", id, "--name", "M", "--rate-limit", "null", "--json"]).done().json();
    assert_eq!((&changed["name"], &changed["rate_limit"]), (&json!("M"), &json!(null)));
    let rotated = shell.dalston(&["keys", "rotate", "--yes", "--quiet", id]).done();
    assert!(rotated.out.trim() != secret && rotated.out.starts_with("dk_") && rotated.out.lines().count() == 1);

    assert_eq!(shell.dalston(&["keys", "revoke", id]).code, 2, "it asks, and nobody is there to answer");
    shell.dalston(&["keys", "revoke", "--yes", id]).done();
    shell.dalston(&["keys", "revoke", "--yes", id]).done();
    assert_eq!(shell.dalston(&["keys", "list", "--quiet"]).done().out, "");
    assert_eq!(shell.dalston(&["keys", "list", "--quiet", "--include-revoked"]).done().out.trim(), id);
    let table = shell.dalston(&["keys", "list", "--include-revoked"]).done().out;
    assert!(table.starts_with("id\tprefix\tname\t") && table.contains(&format!("{id}\t")), "{table}");
}

#[test]
fn a_command_gives_the_same_json_on_the_store_and_on_a_gateway() {
    let shell = Shell::new();
    let secret = shell.secret(&["create-admin-key", "--platform"]);
    let launch = Launch::new().set("DALSTON_DATA_DIR", shell.home.path().join("dalston-data").to_str().unwrap());
    let gateway = launch.start();
    let remote = Shell::new().set("DALSTON_API_KEY", &secret).set("DALSTON_SERVER", &gateway.url);
    for words in [&["keys", "list"][..], &["tenants", "list"], &["jobs", "list"]] {
        let words = [words, &["--json"]].concat();
        assert_eq!(remote.dalston(&words).done().json(), shell.dalston(&words).done().json(), "{words:?}");
    }
    let made = remote.dalston(&["keys", "create", "far away", "--json"]).done().json();
    let id = made["id"].as_str().unwrap();
    let mut here = shell.dalston(&["keys", "get", id, "--json"]).done().json();
    here["key"] = made["key"].clone();
    assert_eq!(here, made);
    remote.dalston(&["keys", "revoke", id, "--yes", "--server", &gateway.url]).done();
    assert_eq!(remote.dalston(&["whoami", "--json"]).done().json()["scopes"], json!(["platform"]));
    remote.dalston(&["tenants", "create", "acme"]).done();
    assert_eq!(remote.dalston(&["keys", "list", "--tenant", "acme", "--json"]).done().json(), json!([]));
    for words in [&["help"][..], &["status"]] {
        assert!(!remote.dalston(words).done().out.is_empty());
    }
}

#[test]
fn help_needs_neither_a_store_nor_a_gateway() {
    let shell = Shell::new();
    let all = shell.dalston(&["help"]).done().out;
    for word in ["operator", "/keys_create", "/jobs_list", "/tenants_create"] {
        assert!(all.contains(word), "{word} in {all}");
    }
    let json = shell.dalston(&["help", "--json", "--tenant", "acme"]).done().json();
    assert_eq!(json["commands"].as_array().unwrap().len(), Registry::new().rows().len());
    for (words, usage) in [
        (&["help", "keys", "create"][..], "dalston keys create [OPTIONS]"),
        (&["help", "keys"], "dalston keys [OPTIONS] <COMMAND>"),
        (&["help", "create-admin-key"], "dalston create-admin-key"),
        (&["help", "help"], "dalston help"),
        (&["help", "status", "--json"], "dalston status"),
    ] {
        let typed = shell.dalston(words).done();
        assert!(typed.out.contains(&format!("Usage: {usage}")) && typed.err.is_empty(), "{typed:?}");
    }
    // What is explained needs no gateway either, where one is named.
    let far = Shell::new().set("DALSTON_SERVER", "http://127.0.0.1:1");
    assert!(far.dalston(&["help", "jobs", "list"]).done().out.contains("Usage: dalston jobs list"));
    for wrong in [&["help", "nonsense"][..], &["help", "keys", "nonsense", "nonsense"]] {
        let typed = shell.dalston(wrong);
        assert!(typed.code == 2 && typed.err.starts_with("error: "), "{typed:?}");
    }
    assert_eq!(std::fs::read_dir(shell.home.path()).unwrap().count(), 0, "no store was made");
}

#[test]
fn plain_text_loses_no_figure_of_the_usage() {
    let body = r#"{"quota": {"seconds_per_day": null}, "days": [
        {"date": "2026-11-29", "audio_seconds": {"jobs": 13384.2, "streams": 2}},
        {"date": "2026-11-28", "audio_seconds": {"jobs": 0, "streams": 0.5}}]}"#;
    let shell = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &answering(body));
    assert_eq!(
        shell.dalston(&["usage"]).done().out,
        "quota.seconds_per_day\t\n\
         days\tdate=2026-11-29  audio_seconds.jobs=13384.2  audio_seconds.streams=2\n\
         days\tdate=2026-11-28  audio_seconds.jobs=0  audio_seconds.streams=0.5\n"
    );
}

#[test]
fn exit_codes_tell_what_happened() {
    let shell = on_a_store();
    let codes = |shell: &Shell, words: &[&str]| shell.dalston(words).code;
    assert_eq!(codes(&shell, &["status"]), 0);
    for wrong in [&[][..], &["nonsense"], &["keys"], &["keys", "create"], &["keys", "create", "x", "--rate-limit", "0"]]
    {
        assert_eq!(codes(&shell, wrong), 2, "{wrong:?}");
    }
    assert_eq!(codes(&shell, &["keys", "get", "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d"]), 4);
    assert_eq!(codes(&shell, &["keys", "create", "x", "--tenant", "nowhere"]), 4);
    shell.dalston(&["tenants", "create", "acme"]).done();
    assert_eq!(codes(&shell, &["tenants", "create", "acme"]), 1);
    assert_eq!(codes(&shell, &["status", "--store", "postgres://nobody:secret@127.0.0.1:1/none"]), 5);

    let launch = Launch::new();
    let gateway = launch.start();
    let stranger = Shell::new().set("DALSTON_API_KEY", "dk_invalid").set("DALSTON_SERVER", &gateway.url);
    assert_eq!(codes(&stranger, &["whoami"]), 3);
    let nobody = Shell::new().set("DALSTON_SERVER", &gateway.url);
    assert_eq!(codes(&nobody, &["whoami"]), 2);
    gateway.kill();
    assert_eq!(codes(&stranger, &["whoami"]), 5);
}

#[test]
fn a_switch_may_stand_alone_wherever_it_stands() {
    let shell = on_a_store();
    for words in
        [&["--allow-volatile", "status"][..], &["status", "--allow-volatile"], &["status", "--allow-volatile=false"]]
    {
        shell.dalston(words).done();
    }
    assert_eq!(shell.dalston(&["status", "--allow-volatile=maybe"]).code, 2);
    let typed = Shell::new().set("DATABASE_URL", "mysql://hunter2").dalston(&["status", "--log", "no=such=filter"]);
    assert_eq!(typed.code, 2);
    assert!(typed.err.contains("DATABASE_URL") && typed.err.contains("DALSTON_LOG"), "{}", typed.err);
}

#[test]
fn a_server_or_a_key_that_can_be_none_is_wrong_use() {
    let keyed = Shell::new().set("DALSTON_API_KEY", "dk_invalid");
    for url in ["localhost:8000", "127.0.0.1:8000", "ftp://localhost", "http://", "//localhost"] {
        let typed = keyed.dalston(&["whoami", "--server", url]);
        assert!(typed.code == 2 && typed.err.contains("http://127.0.0.1:8000"), "{url} {typed:?}");
    }
    for key in ["dk_in\nvalid", "dk_inv\u{7}alid", "dk invalid", "dk_ünvalid"] {
        let shell = Shell::new().set("DALSTON_API_KEY", key);
        let typed = shell.dalston(&["whoami", "--server", "http://127.0.0.1:1"]);
        assert!(typed.code == 2 && typed.err.contains("DALSTON_API_KEY"), "{typed:?}");
        assert!(!typed.err.contains(key), "{typed:?}");
    }
    // White space around a value does not count; nothing but that is none.
    let shell = Shell::new().set("DALSTON_API_KEY", " dk_invalid\n");
    assert_eq!(shell.dalston(&["whoami", "--server", "http://127.0.0.1:1"]).code, 5);
    for (server, key) in [("", "dk_invalid"), ("http://127.0.0.1:1", " ")] {
        let typed = Shell::new().set("DALSTON_SERVER", server).set("DALSTON_API_KEY", key).dalston(&["whoami"]);
        assert!(typed.code == 2 && typed.err.contains("is empty"), "{typed:?}");
    }
}

#[test]
fn no_error_shows_a_password_or_a_value() {
    let shell = on_a_store();
    let typed = shell.dalston(&["status", "--store", "postgres://nobody:hunter2@127.0.0.1:1/none"]);
    assert!(!typed.err.contains("hunter2"), "{}", typed.err);
    let typed = shell.dalston(&["keys", "create", "x", "--expires-at", "hunter2"]);
    assert_eq!(typed.code, 2);
    assert!(typed.err.contains("expires_at") && !typed.err.contains("hunter2"), "{}", typed.err);
}

#[test]
fn a_list_that_goes_on_says_so_in_every_style() {
    let shell = on_a_store();
    for name in ["first", "second"] {
        shell.dalston(&["keys", "create", name]).done();
    }
    for style in [&[][..], &["--json"], &["--quiet"]] {
        let page = shell.dalston(&[&["keys", "list", "--limit", "1"], style].concat()).done();
        let (_, cursor) = page.err.trim_end().split_once("--cursor ").unwrap_or_else(|| panic!("{style:?} {page:?}"));
        let last = shell.dalston(&[&["keys", "list", "--limit", "1", "--cursor", cursor], style].concat()).done();
        assert!(last.err.is_empty() && last.out != page.out, "{style:?} {last:?}");
    }
}

#[test]
fn where_there_is_no_store_none_is_made_on_the_way() {
    let shell = Shell::new();
    for words in [&["keys", "list"][..], &["status"], &["keys", "create", "x"], &["status", "--data-dir", "elsewhere"]]
    {
        let typed = shell.dalston(words);
        assert_eq!(typed.code, 5, "{words:?}");
        for part in ["/dalston.db", "--store", "--data-dir", "create-admin-key"] {
            assert!(typed.err.contains(part), "{part} in {}", typed.err);
        }
    }
    assert_eq!(std::fs::read_dir(shell.home.path()).unwrap().count(), 0);
    let typed = shell.dalston(&["status", "--store", "sqlite://no/such.db"]);
    assert!(typed.code == 5 && typed.err.contains("no/such.db"), "{typed:?}");
}

#[test]
fn the_commands_for_people_work_on_the_store_and_on_a_gateway() {
    let here = Shell::new().set("DALSTON_STORE", "memory://");
    let gateway = Launch::new().store("memory://").set("DALSTON_MASTER_KEY", MASTER).start();
    let there = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &gateway.url);
    for (shell, name) in [(&here, "operator"), (&there, "master")] {
        let help = shell.dalston(&["help", "--json"]).done().json();
        assert!(help["caller"].as_str().unwrap().starts_with(name), "{help}");
        assert!(!shell.dalston(&["help"]).done().out.contains("Usage:"), "it is the registry's, not the parser's");
        let status = shell.dalston(&["status", "--json"]).done().json();
        assert_eq!((&status["status"], &status["admin"]["store"]["kind"]), (&json!("healthy"), &json!("memory")));
        assert!(shell.dalston(&["status"]).done().out.starts_with("status\thealthy\n"));
        assert!(shell.dalston(&["audit", "list"]).done().out.starts_with("seq\ttime\tactor\tdoor\t"));
        assert_eq!(shell.dalston(&["audit", "verify", "--json"]).done().json()["status"], "intact");
        assert_eq!(shell.dalston(&["nudge", "the disk is full"]).code, 5, "no chat is configured");
        assert_eq!(shell.dalston(&["nudge"]).code, 2);
    }
    let made = there.dalston(&["keys", "create", "one", "--json"]).done().json();
    let listed = there.dalston(&["audit", "list", "--action", "key.created", "--json"]).done().json();
    assert!(listed.as_array().unwrap().iter().any(|it| it["target"]["id"] == made["id"]), "{listed}");
}

/// A gateway that gives one answer to one request.
fn answering(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.is_empty()), "the head of the request ends");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
        write!(socket, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
    });
    url
}

/// What a gateway says of a nudge that reached one of two.
const PARTIAL: &str = r#"{"status": "partial", "result": {"mode": "direct", "sent_count": 1, "failed_count": 1,
    "results": [{"user_id": 1, "status": "sent", "message_id": 2}, {"user_id": 3, "status": "failed", "error": "e"}]}}"#;

#[test]
fn an_answer_of_a_newer_gateway_is_read_and_one_of_another_shape_is_told() {
    let whoami = |answer: &'static str| {
        let shell = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &answering(answer));
        shell.dalston(&["whoami"])
    };
    let newer = r#"{"id": null, "name": "n", "tenant_id": "t", "scopes": ["of:tomorrow"], "enabled": true,
        "metadata": {}, "age": {"days": 3}}"#;
    let typed = whoami(newer).done();
    assert!(typed.out.contains("scopes\tof:tomorrow") && typed.out.contains("age.days\t3"), "{typed:?}");
    for (answer, what) in [
        (
            r#"{"id": null, "name": "secret-n", "scopes": [], "enabled": true, "metadata": {}}"#,
            "missing field `tenant_id`",
        ),
        (
            r#"{"id": null, "name": "secret-n", "tenant_id": "t", "scopes": "secret-s", "enabled": true, "metadata": {}}"#,
            "scopes does not fit",
        ),
        (r#"["secret-n"]"#, "does not fit"),
        (r#""secret-n""#, "does not fit"),
    ] {
        let typed = whoami(answer);
        assert_eq!((typed.code, typed.out.as_str()), (1, ""), "{typed:?}");
        let told = typed.err.contains("whoami answers in another shape") && typed.err.contains("another version");
        assert!(told && typed.err.contains(what) && !typed.err.contains("secret"), "{typed:?}");
    }
}

#[test]
fn an_answer_that_says_that_not_all_is_well_is_shown_and_ends_with_1() {
    for (words, name, body) in [
        (&["audit", "verify"][..], "audit.verify", r#"{"status": "broken", "checked": 7, "broken_at": 8}"#),
        (&["nudge", "hello"], "nudge", PARTIAL),
    ] {
        let shell = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &answering(body));
        let typed = shell.dalston(words);
        assert!(typed.code == 1 && typed.out.starts_with("status\t"), "{typed:?}");
        assert!(typed.err.contains(name), "{typed:?}");
    }
}

#[test]
fn completions_and_help_know_every_command() {
    let shell = Shell::new();
    let completions = shell.dalston(&["completions", "bash"]).done().out;
    for row in Registry::new().rows() {
        let words: Vec<&str> = row.name.split('.').collect();
        assert!(
            completions.contains(&words.join("__subcmd__")) || completions.contains(&words.join("__")),
            "{}",
            row.name
        );
        let help = shell.dalston(&[&words[..], &["--help"]].concat()).done().out;
        for parameter in &row.parameters {
            assert!(help.contains(&format!("--{}", parameter.name.replace('_', "-"))), "{} in {help}", parameter.name);
        }
    }
}
