//! Settings as people write them: secrets in files, names that are none, a pepper that is another one.

use kit::{
    process::Launch,
    servers::{postgres_url, redis_url},
    shell::Shell,
};
use std::fs;

const PEPPER: &str = "a-pepper-of-the-tests";

/// Fails, names the pepper's variable, and shows no pepper.
#[track_caller]
fn is_refused(launch: &Launch) {
    let ended = launch.refused();
    assert_eq!(ended.code, Some(1), "{}", ended.text());
    assert!(ended.text().contains("DALSTON_PEPPER"), "{}", ended.text());
    assert!(!ended.text().contains("of-the-tests"), "{}", ended.text());
}

#[test]
fn what_stops_the_start_is_told_without_a_backtrace() {
    for (variable, value) in [
        ("DALSTON_LISTEN", "nowhere"),
        ("DALSTON_LISTEN", "192.0.2.1:1"),
        ("DALSTON_STORE", "postgres://nobody:hunter2@127.0.0.1:1/none"),
    ] {
        let ended = Launch::new().set(variable, value).set("RUST_BACKTRACE", "full").refused();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        let (first, rest) = ended.lines.split_first().unwrap();
        assert!(first.starts_with("dalston-gateway: "), "{first}");
        assert!(rest.iter().all(|line| line.starts_with("  DALSTON_")), "{}", ended.text());
    }
}

async fn a_store_is_started_with_its_pepper_only(mut launch: Launch) {
    launch.change("DALSTON_PEPPER", Some(PEPPER));
    let gateway = launch.start();
    let admin = gateway.admin().secret.unwrap();
    gateway.with(&admin).get("/auth/me").await.expect(200);
    gateway.kill();
    for other in [None, Some("another-pepper-of-the-tests")] {
        launch.change("DALSTON_PEPPER", other);
        is_refused(&launch);
    }
    launch.change("DALSTON_PEPPER", Some(PEPPER));
    launch.start().with(&admin).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_embedded_store_is_started_with_its_pepper_only() {
    a_store_is_started_with_its_pepper_only(Launch::new()).await;
}

#[tokio::test]
async fn a_postgres_store_is_started_with_its_pepper_only() {
    a_store_is_started_with_its_pepper_only(Launch::new().store(&postgres_url().await)).await;
}

#[tokio::test]
async fn a_redis_store_is_started_with_its_pepper_only() {
    a_store_is_started_with_its_pepper_only(Launch::new().store(&redis_url())).await;
}

#[test]
fn of_two_that_start_at_once_with_two_peppers_one_is_refused() {
    let mut launch = Launch::new();
    let nodes = [PEPPER, "another-pepper-of-the-tests"].map(|pepper| {
        launch.change("DALSTON_PEPPER", Some(pepper));
        launch.spawn()
    });
    let started: Vec<_> = nodes.iter().map(|node| node.has_started()).collect();
    assert_eq!(started.iter().filter(|started| **started).count(), 1, "{started:?}");
}

#[test]
fn the_command_line_obeys_the_pepper_of_the_store() {
    let shell = Shell::new().set("DALSTON_PEPPER", PEPPER);
    assert_eq!(shell.dalston(&["create-admin-key", "--quiet"]).code, 0);
    for words in [&["keys", "list", "--pepper", "another"][..], &["create-admin-key", "--pepper", "another"]] {
        let typed = shell.dalston(words);
        assert_eq!(typed.code, 2, "{typed:?}");
        assert!(typed.err.contains("DALSTON_PEPPER") && !typed.err.contains("another-"), "{typed:?}");
    }
    assert_eq!(shell.dalston(&["keys", "list"]).code, 0);
}

#[tokio::test]
async fn secrets_may_lie_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let master = "a-master-key-in-a-file-of-the-tests";
    let (key, pepper) = (file("master", &format!("{master}\r\n")), file("pepper", &format!("{PEPPER}\n")));
    let launch = Launch::new().set("NUDGE_SECRET_FILE", &key).words(&["--pepper-file", &pepper]);
    launch.start().with(master).get("/auth/me").await.expect(200);
    launch.start().admin().get("/auth/me").await.expect(200);

    let launch = Launch::new();
    let server = launch.start();
    let admin = file("admin", &format!("{}\n", server.admin().secret.unwrap()));
    let shell = Shell::new().set("DALSTON_SERVER", &format!(" {}\n", server.url)).set("DALSTON_API_KEY_FILE", &admin);
    let typed = shell.dalston(&["whoami"]);
    assert_eq!(typed.code, 0, "{typed:?}");
}

#[test]
fn all_values_that_no_setting_holds_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new()
        .set("DALSTON_PEPPER", "")
        .set("DALSTON_MASTER_KEY", "\"hunter2hunter2hunter2hunter2hunter2\"")
        .set("DALSTON_LLM_URL", "http://hunter2\u{1}host")
        .set("DALSTON_LOG", "warning")
        .set("DALSTON_NODES", "'3'")
        .set("TELEGRAM_BOT_TOKEN_FILE", folder.path().join("hunter2").to_str().unwrap());
    let ended = launch.refused();
    assert_eq!(ended.code, Some(1));
    for variable in [
        "DALSTON_PEPPER",
        "DALSTON_MASTER_KEY",
        "DALSTON_LLM_URL",
        "DALSTON_LOG",
        "DALSTON_NODES",
        "TELEGRAM_BOT_TOKEN_FILE",
    ] {
        assert!(ended.text().contains(variable), "{variable} in {}", ended.text());
    }
    assert!(!ended.text().contains("hunter"), "{}", ended.text());
    assert!(!launch.data().exists(), "nothing was touched");
}

#[test]
fn a_name_that_is_no_setting_is_warned_about() {
    let launch = Launch::new().set("DALSTON_ALLOWED_HOST", "x").set("DALSTON_LOGG", "debug");
    let gateway = launch.start();
    let (host, log) = (gateway.line("DALSTON_ALLOWED_HOST "), gateway.line("DALSTON_LOGG "));
    assert!(host.contains("WARN") && host.contains("DALSTON_ALLOWED_HOSTS"), "{host}");
    assert!(log.contains("DALSTON_LOG") && !log.contains("debug"), "{log}");
    let typed = Shell::new().set("DALSTON_SERVR", "http://127.0.0.1:1").dalston(&["create-admin-key", "--quiet"]);
    assert_eq!(typed.code, 0);
    assert!(typed.err.contains("DALSTON_SERVR") && typed.err.contains("DALSTON_SERVER"), "{typed:?}");
}
