//! A secret is never in an answer: the client gets a link (MCP-07).

use super::call;
use kit::{
    app::{App, MASTER, Start},
    client::Client,
    log,
    socket::{STREAM, Socket},
};
use reqwest::Method;
use serde_json::{Value, json};

/// The token of a claim link. No line of the log may hold it.
fn token(result: &Value) -> String {
    let url = result["structuredContent"]["claim_url"].as_str().unwrap_or_else(|| panic!("{result}"));
    let (_, token) = url.split_once("/auth/claims/").unwrap();
    log::guard(token);
    token.to_owned()
}

/// Takes what waits behind a link.
async fn claimed(app: &App, result: &Value) -> Client {
    let answer = kit::client::Answer::of(app.anon().request(Method::POST, &format!("/auth/claims/{}", token(result))));
    app.with(&answer.await.expect(200).secret())
}

#[tokio::test]
async fn a_made_secret_is_behind_a_link_and_nowhere_else() {
    let app = App::start().await;
    // No line of the log may hold a link, which gives its secret to whoever is first.
    log::guard(&format!("{}/auth/claims/", app.url));
    let admin = app.key("admin").await;
    let made = call(&admin, "create_api_key", json!({"name": "made", "scopes": ["jobs:read"]})).await;
    let key = &made["structuredContent"];
    assert_eq!(key.get("key"), None, "MCP-07");
    assert_eq!(key["claim_url"], format!("{}/auth/claims/{}", app.url, token(&made)));
    assert_eq!(key["claim_expires_in"], 300);
    assert!(made["content"][0]["text"].as_str().unwrap().contains(key["claim_url"].as_str().unwrap()));
    let records = app.master().get("/v1/audit?action=key.created").await.expect(200);
    assert_eq!((&records.json[0]["door"], &records.json[0]["target"]["id"]), (&json!("mcp"), &key["id"]));
    let rotated = call(&admin, "rotate_api_key", json!({"key_id": key["id"], "overlap_seconds": 60})).await;

    let (first, second) = (claimed(&app, &made).await, claimed(&app, &rotated).await);
    for client in [&first, &second] {
        let secret = client.secret.as_ref().unwrap();
        assert!(!made.to_string().contains(secret) && !rotated.to_string().contains(secret), "MCP-07");
        assert_eq!(client.get("/auth/me").await.expect(200).json["id"], key["id"]);
    }
    let http = admin.get(&format!("/auth/keys/{}", key["id"].as_str().unwrap())).await.expect(200);
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let with_link = [fields(&http.json), vec!["claim_url".to_owned(), "claim_expires_in".to_owned()]].concat();
    assert_eq!(fields(key), with_link, "the JSON of the HTTP route, with a link in place of the secret");
}

#[tokio::test]
async fn a_ticket_waits_behind_its_link_until_it_is_used_or_expires() {
    let app = App::start().await;
    let key = app.key("realtime").await;
    let made = async || {
        let made = call(&key, "create_ticket", json!({"path": STREAM})).await;
        format!("/auth/claims/{}", token(&made))
    };
    let link = made().await;
    app.anon().get(&link).await.expect(200);
    let opened = kit::client::Answer::of(app.anon().request(Method::POST, &link)).await.expect(200);
    let ticket = opened.json["ticket"].as_str().unwrap();
    log::guard(ticket);
    let mut socket = Socket::open(app.address, &format!("?ticket={ticket}"), &[]).await.unwrap();
    assert_eq!(socket.hear().await["code"], "no_capacity", "it was admitted, and there is no worker");
    app.anon().get(&link).await.expect(404);

    // One that has expired meanwhile is good for nothing, and waits no longer.
    let late = made().await;
    app.clock.advance(std::time::Duration::from_secs(31));
    app.anon().get(&late).await.expect(404);
}

#[tokio::test]
async fn a_link_is_under_the_public_name() {
    let app = Start::default().set("DALSTON_PUBLIC_URL", "https://dalston.example.com/gate/").start().await;
    let made = call(&app.master(), "create_api_key", json!({"name": "made"})).await;
    let url = format!("https://dalston.example.com/gate/auth/claims/{}", token(&made));
    assert_eq!(made["structuredContent"]["claim_url"], url);
}

#[tokio::test]
async fn answers_about_keys_hold_neither_secret_nor_digest() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let secret = admin.secret.clone().unwrap();
    let id = admin.id.unwrap().to_string();
    for (tool, arguments) in [
        ("whoami", json!({})),
        ("help", json!({})),
        ("status", json!({})),
        ("list_api_keys", json!({})),
        ("get_api_key", json!({"key_id": id})),
        ("update_api_key", json!({"key_id": id, "name": "renamed"})),
        ("check_api_key_usage", json!({"key_id": id})),
    ] {
        let text = call(&admin, tool, arguments).await.to_string();
        assert!(!text.contains(&secret) && !text.contains("digest"), "MCP-07 {tool}");
    }
}

#[tokio::test]
async fn a_secret_in_stored_text_is_masked() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    // A key that somebody mistyped: one with its checksum right is refused.
    let secret = app.key("jobs:read").await.secret.unwrap().chars().rev().collect::<String>();
    let secret = format!("dk_{}", secret.trim_end_matches("_kd"));
    let note = json!({"name": "n", "metadata": {"note": format!("{secret} \"{MASTER}\"")}});
    let made = admin.post("/auth/keys", note).await.expect(201);
    made.secret();
    let shown = call(&admin, "get_api_key", json!({"key_id": made.json["id"]})).await;
    assert!(shown["structuredContent"]["metadata"]["note"].as_str().unwrap().starts_with("dk_****"), "{shown}");
    let shown = shown.to_string();
    assert!(!shown.contains(&secret[4..]) && !shown.contains(MASTER), "KEY-03 {shown}");
}
