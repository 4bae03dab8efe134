//! Secrets that commands show, once.

use super::on_a_store;
use kit::{app::MASTER, process::Launch, shell::Shell};
use serde_json::json;
use std::{fs::OpenOptions, io, process::Stdio};

#[test]
fn create_admin_key_prints_the_box_of_the_seed() {
    let shell = Shell::new();
    let typed = shell.dalston(&["create-admin-key", "--name", "My Admin Key"]).done();
    let rule = "=".repeat(60);
    assert!(typed.out.starts_with(&format!("\n{rule}\n  ADMIN API KEY CREATED\n{rule}\n")), "{}", typed.out);
    for part in [
        "  Key ID:   ",
        "  Name:     My Admin Key",
        "  Scopes:   admin",
        "🔑 Your API Key (save this - shown only once!)",
    ] {
        assert!(typed.out.contains(part), "{part} in {}", typed.out);
    }
    assert_eq!(
        typed.out.matches("dk_").count(),
        1,
        "the secret stands there once, and in no line for a shell's history"
    );
    assert_eq!(typed.err, "");
}

#[test]
fn create_admin_key_makes_its_tenant_and_a_platform_key_when_asked() {
    let shell = Shell::new();
    let admin = shell.dalston(&["create-admin-key", "--tenant", "acme", "--json"]).done().json();
    assert_eq!(
        (&admin["tenant_id"], &admin["scopes"], &admin["name"]),
        (&json!("acme"), &json!(["admin"]), &json!("Admin"))
    );
    let platform = shell.dalston(&["create-admin-key", "--platform", "--json"]).done().json();
    assert_eq!((&platform["tenant_id"], &platform["scopes"]), (&json!("default"), &json!(["platform"])));
    let tenants = shell.dalston(&["tenants", "list", "--quiet"]).done();
    let mut tenants: Vec<&str> = tenants.out.lines().collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["acme", "default"]);
}

#[test]
fn create_admin_key_makes_its_tenant_on_a_gateway_too() {
    let gateway = Launch::new().set("DALSTON_MASTER_KEY", MASTER).start();
    let shell = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &gateway.url);
    for _ in 0..2 {
        let key = shell.dalston(&["create-admin-key", "--tenant", "newt", "--json"]).done().json();
        assert_eq!(key["tenant_id"], "newt");
    }
    let nobody = Shell::new().set("DALSTON_API_KEY", "dk_invalid").set("DALSTON_SERVER", &gateway.url);
    assert_eq!(nobody.dalston(&["create-admin-key", "--tenant", "newt"]).code, 3);
    for store in ["--redis-url", "--store"] {
        let server = ["--server", gateway.url.as_str()];
        let create = ["create-admin-key", store, "redis://127.0.0.1:1"];
        assert_eq!(shell.dalston(&[&create[..], &server].concat()).code, 2, "{store}");
        assert_eq!(shell.dalston(&[&server[..], &create].concat()).code, 2, "{store}");
    }
}

#[test]
fn an_admin_key_whose_name_is_refused_leaves_nothing_behind() {
    let shell = Shell::new();
    let refused = ["create-admin-key", "--tenant", "acme", "--name", "a\u{7}"];
    let typed = shell.dalston(&refused);
    assert!(typed.code == 2 && typed.err.contains("--name"), "{typed:?}");
    assert!(!shell.home.path().join("dalston-data").exists(), "no store was made");
    shell.dalston(&["create-admin-key"]).done();
    assert_eq!(shell.dalston(&refused).code, 2);
    assert_eq!(shell.dalston(&["tenants", "list", "--quiet"]).done().out, "default\n");
}

#[test]
fn a_secret_that_nobody_could_read_names_what_it_is_of() {
    let shell = on_a_store();
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let gone = || Stdio::from(io::pipe().unwrap().1);
    let id = shell.dalston(&["keys", "create", "old", "--json"]).done().json()["id"].as_str().unwrap().to_owned();
    let webhook = ["webhooks", "create", "https://example.com/"];
    let rotate = ["keys", "rotate", &id, "--yes"];
    for words in [&["keys", "create", "new"][..], &["create-admin-key", "--name", "new"], &rotate, &webhook] {
        for style in [&[][..], &["--quiet"], &["--json"]] {
            for out in [full(), gone()] {
                let words = [words, style].concat();
                let typed = shell.dalston_into(&words, out);
                assert_eq!(typed.code, 1, "{words:?} {typed:?}");
                let (_, named) = typed.err.split_once("Its id is ").unwrap_or_else(|| panic!("{words:?} {typed:?}"));
                let (named, ways) = named.split_once(": ").unwrap();
                assert!(!typed.err.contains("dk_") && !typed.err.contains("whsec_"), "{typed:?}");
                // What it proposes works.
                let way: Vec<&str> =
                    ways.trim().rsplit("or `dalston ").next().unwrap().trim_end_matches('`').split(' ').collect();
                assert_eq!(way.last(), Some(&named), "{ways}");
                if named != id {
                    shell.dalston(&[&way[..], &["--yes"]].concat()).done();
                }
            }
        }
    }
    let left = shell.dalston(&["keys", "list", "--quiet"]).done().out;
    assert_eq!(left.trim(), id, "all others were revoked");
    // Of what can be read again nothing is lost: who reads may have read enough.
    assert_eq!(shell.dalston_into(&["keys", "list"], gone()).code, 0);
    assert_eq!(shell.dalston_into(&["keys", "list"], full()).code, 1);
    assert_eq!(shell.dalston_into(&["completions", "bash"], gone()).code, 0);
}

#[test]
fn the_box_shows_where_the_gateway_is() {
    let shown = |shell: &Shell, words: &[&str]| shell.dalston(&[&["create-admin-key"], words].concat()).done().out;
    let shell = Shell::new();
    assert!(shown(&shell, &[]).contains(" http://localhost:8000/v1/audio/transcriptions\n"));
    assert!(shown(&shell, &["--listen", "127.0.0.1:18479"]).contains(" http://localhost:18479/v1/"));
    let public = Shell::new().set("DALSTON_PUBLIC_URL", "https://dalston.example.com/gate/");
    assert!(shown(&public, &[]).contains(" https://dalston.example.com/gate/v1/"));
    let gateway = Launch::new().set("DALSTON_MASTER_KEY", MASTER).start();
    let remote = Shell::new().set("DALSTON_API_KEY", MASTER).set("DALSTON_SERVER", &format!("{}/", gateway.url));
    assert!(shown(&remote, &[]).contains(&format!(" {}/v1/audio/", gateway.url)));
}

#[test]
fn a_second_rotation_says_how_to_go_on() {
    let shell = on_a_store();
    let id = shell.dalston(&["keys", "create", "old", "--json"]).done().json()["id"].as_str().unwrap().to_owned();
    let rotate = ["keys", "rotate", &id, "--yes", "--overlap-seconds", "60"];
    assert!(shell.dalston(&rotate).done().out.contains("\nprevious_expires_at\t"));
    for more in [&[][..], &["--end-overlap=false"]] {
        let typed = shell.dalston(&[&rotate[..], more].concat());
        assert!(typed.code == 1 && typed.err.contains("--end-overlap") && typed.out.is_empty(), "{typed:?}");
    }
    shell.dalston(&[&rotate[..], &["--end-overlap"]].concat()).done();
}

#[test]
fn a_lost_secret_names_the_commands_that_reach_its_key() {
    let shell = on_a_store();
    shell.dalston(&["tenants", "create", "acme"]).done();
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for tenant in [&["--tenant", "acme"][..], &[]] {
        let lost = shell.dalston_into(&[&["keys", "create", "--name", "lost"], tenant].concat(), full());
        assert_eq!(lost.code, 1, "{lost:?}");
        let revoke = lost.err.split('`').find(|part| part.contains(" keys revoke ")).unwrap();
        let words: Vec<&str> = revoke.split(' ').skip(1).chain(["--yes"]).collect();
        shell.dalston(&words).done();
    }
}

#[test]
fn a_key_is_made_only_where_a_gateway_finds_it() {
    let memory = Shell::new().set("DALSTON_STORE", "memory://").dalston(&["create-admin-key", "--quiet"]);
    assert!(memory.code == 2 && memory.out.is_empty() && memory.err.contains("memory://"), "{memory:?}");
    let shell = on_a_store();
    for words in [&["keys", "list"][..], &["jobs", "list"], &["usage"], &["keys", "create"]] {
        let nowhere = shell.dalston(&[words, &["--tenant", "nope"]].concat());
        assert!(nowhere.code == 4 && nowhere.out.is_empty() && nowhere.err.contains("Tenant"), "{nowhere:?}");
    }
}
