//! Scopes of the deployment's own, from settings to the command line.

use kit::{process::Launch, shell::Shell};
use serde_json::json;

/// So many names.
fn many(count: usize) -> String {
    (0..count).map(|number| format!("many:s{number}")).collect::<Vec<_>>().join(",")
}

#[test]
fn a_wrong_scope_stops_the_start_and_is_named() {
    let grammar = "must be [a-z][a-z0-9_-]{0,31}, with up to two more such parts behind colons: notes:read";
    let wrong = [
        ("notes:read,Notes:write".to_owned(), format!("\"Notes:write\" {grammar}")),
        ("notes:read notes:write".to_owned(), format!("\"notes:read notes:write\" {grammar}")),
        ("a:b:c:d".to_owned(), format!("\"a:b:c:d\" {grammar}")),
        ("nоtes:read".to_owned(), format!("\"n\\u{{43e}}tes:read\" {grammar}")),
        ("notes:read,jobs:read".to_owned(), "\"jobs:read\" must not be named: it is built in".to_owned()),
        ("metrics".to_owned(), "\"metrics\" must not be named: it is built in".to_owned()),
        ("b,a,b".to_owned(), "\"b\" must not be named twice".to_owned()),
        (many(101), "must name at most 100 scopes, and names 101".to_owned()),
    ];
    for (value, said) in wrong {
        let ended = Launch::new().set("DALSTON_SCOPES", &value).set("DALSTON_STALE", "perhaps").refused();
        assert_eq!(ended.code, Some(1), "{value}");
        let said = format!("DALSTON_SCOPES is refused: {said}");
        assert!(ended.text().contains(&said), "{said} in {}", ended.text());
        assert!(ended.text().contains("DALSTON_STALE"), "all that is wrong is said at once");
    }
}

#[tokio::test]
async fn a_hundred_scopes_are_taken_and_each_is_one() {
    let launch = Launch::new().words(&["--own-scopes", &many(100)]);
    let gateway = launch.start();
    let admin = gateway.admin();
    let names: Vec<String> = many(100).split(',').map(str::to_owned).collect();
    let made = admin.post("/auth/keys", json!({"name": "all", "scopes": names})).await.expect(201);
    made.secret();
    assert_eq!(made.json["scopes"].as_array().unwrap().len(), 100);
    let last = admin.post("/auth/keys", json!({"name": "last", "scopes": ["many:s99"]})).await.expect(201);
    assert_eq!(gateway.with(&last.secret()).get("/auth/me").await.expect(200).json["scopes"], json!(["many:s99"]));
    let unknown = admin.post("/auth/keys", json!({"name": "n", "scopes": ["many:s100"]})).await.expect(422);
    assert!(unknown.json["errors"][0]["detail"].as_str().unwrap().contains("platform, many:s0, many:s1, many:s10,"));
}

#[tokio::test]
async fn the_command_line_knows_the_scopes_of_the_store_or_of_the_gateway() {
    let shell = Shell::new().set("DALSTON_SCOPES", "notes:read");
    let admin = shell.secret(&["create-admin-key"]);
    let words = ["keys", "create", "--name", "n", "--json", "--scopes"];
    let made = shell.dalston(&[&words[..], &["notes:read,jobs:read"]].concat()).done().json();
    assert_eq!(made["scopes"], json!(["jobs:read", "notes:read"]));
    let refused = shell.dalston(&[&words[..], &["notes:write"]].concat());
    let known = "scopes must name known scopes only: jobs:read, jobs:write, realtime, webhooks, nudge, verify, admin, \
                 worker, metrics, platform, notes:read";
    assert!(refused.code != 0 && refused.err.contains(known), "{}", refused.err);
    let flagged = [&words[..], &["notes:write", "--own-scopes", "notes:write"]].concat();
    assert_eq!(shell.dalston(&flagged).done().json()["scopes"], json!(["notes:write"]));

    // The gateway knows another one, and the command line beside it none.
    let data = shell.home.path().join("dalston-data");
    let launch = Launch::new().set("DALSTON_DATA_DIR", data.to_str().unwrap()).set("DALSTON_SCOPES", "notes:write");
    let gateway = launch.start();
    let remote = Shell::new().set("DALSTON_API_KEY", &admin).set("DALSTON_SERVER", &gateway.url);
    let far = remote.dalston(&[&words[..], &["notes:write"]].concat()).done().json();
    assert_eq!(far["scopes"], json!(["notes:write"]));
    let id = made["id"].as_str().unwrap();
    let shown = remote.dalston(&["keys", "get", id, "--json"]).done().json();
    assert_eq!(shown["scopes"], json!(["jobs:read", "notes:read"]), "what it does not know is shown at the end");
    let refused = remote.dalston(&["keys", "update", id, "--scopes", "notes:read"]);
    let known = known.replace("notes:read", "notes:write");
    assert!(refused.code != 0 && refused.err.contains(&known), "{}", refused.err);
}
