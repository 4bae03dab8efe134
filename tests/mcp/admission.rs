//! Who may speak: on every POST, before anything is read (MCP-01 to MCP-03, MCP-05).

use super::{ask, asking, try_call};
use kit::{
    app::{App, Start},
    client::Client,
};
use serde_json::json;

/// What a client may send first.
const METHODS: [&str; 6] =
    ["initialize", "server/discover", "ping", "tools/list", "tools/call", "notifications/initialized"];

#[tokio::test]
async fn without_a_key_nothing_is_answered_but_the_challenge() {
    let app = App::start().await;
    for method in METHODS {
        let answer = ask(&app.anon(), method, json!({})).await.expect(401);
        assert_eq!(answer.problem(), "missing_credential", "MCP-01 {method}");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="dalston""#, "MCP-02 {method}");
        let answer = ask(&app.with("dk_invalid"), method, json!({})).await.expect(401);
        let challenge = r#"Bearer realm="dalston", error="invalid_token""#;
        assert_eq!(answer.header("www-authenticate"), challenge, "MCP-02 {method}");
    }
}

#[tokio::test]
async fn no_authorization_server_is_named() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server/mcp?x=1",
        "/mcp/.well-known/openid-configuration",
        "/.well-known/",
    ] {
        client.get(path).await.expect(404);
        // A client whose key was refused asks without one, or with the same: 401 would hide why.
        for client in [app.anon(), app.with("dk_invalid")] {
            assert_eq!(client.get(path).await.expect(404).problem(), "not_found", "{path}");
            client.post(path, json!({})).await.expect(404);
        }
    }
    for path in ["/.well-known", "/well-known/x", "/.well-knowns/x"] {
        app.anon().get(path).await.expect(401);
    }
    let answer = ask(&app.anon(), "ping", json!({})).await;
    assert!(!answer.header("www-authenticate").contains("resource_metadata"), "MCP-02");
}

#[tokio::test]
async fn a_key_in_the_query_is_none_here_whatever_is_set() {
    for keys in ["stream", "all", "off"] {
        let app = Start::default().set("DALSTON_QUERY_KEYS", keys).start().await;
        let client = app.key("admin").await;
        let secret = client.secret.clone().unwrap();
        let path = format!("/mcp?api_key={secret}");
        let answer = app.anon().post(&path, asking("tools/list", json!({}))).await.expect(401);
        assert_eq!(answer.problem(), "missing_credential", "MCP-03 {keys}");
        client.post(&path, asking("tools/list", json!({}))).await.expect(400);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_the_callers_is_refused_as_its_http_route_refuses_it() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let http = reader.post("/auth/keys", json!({"name": "x"})).await.expect(403);
    let mcp = try_call(&reader, "create_api_key", json!({"name": "x"})).await.expect(403);
    assert_eq!(mcp.header("www-authenticate"), http.header("www-authenticate"), "MCP-02");
    assert_eq!(mcp.header("www-authenticate"), r#"Bearer realm="dalston", error="insufficient_scope", scope="admin""#);
    assert_eq!((mcp.problem(), &mcp.json["detail"]), ("insufficient_scope", &http.json["detail"]));
    // Whatever its arguments are.
    try_call(&reader, "create_api_key", json!({"nonsense": 1})).await.expect(403);
    let path = format!("/auth/keys/{}/usage", reader.id.unwrap());
    let usage = app.master().get(&path).await.expect(200);
    assert_eq!(usage.json["refused"]["insufficient_scope"], 3);
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_speak() {
    let app = Start::default().set("DALSTON_ALLOWED_ORIGINS", "https://app.example.com").start().await;
    let client = app.key("jobs:read").await;
    let own = app.url.clone();
    for origin in [own.as_str(), "https://app.example.com"] {
        client.post_with("/mcp", asking("ping", json!({})), &[("origin", origin)]).await.expect(200);
    }
    for origin in ["https://evil.example", "null", "http://localhost:1", "https://app.example.com.evil"] {
        let answer = client.post_with("/mcp", asking("ping", json!({})), &[("origin", origin)]).await.expect(403);
        assert_eq!(answer.problem(), "origin_not_allowed", "MCP-05 {origin}");
    }
    let answer = client.post_with("/mcp", asking("ping", json!({})), &[("host", "evil.example")]).await;
    assert_eq!((answer.code(), answer.problem()), (421, "misdirected"), "MCP-05");
}

#[tokio::test]
async fn names_that_are_answered_are_answered_here_too() {
    let app = Start::default().set("DALSTON_ALLOWED_HOSTS", "mcp.example.com").start().await;
    let client = app.key("jobs:read").await;
    for host in ["mcp.example.com", "192.0.2.1:80", "localhost"] {
        client.post_with("/mcp", asking("ping", json!({})), &[("host", host)]).await.expect(200);
    }
}

#[tokio::test]
async fn each_post_takes_one_unit_of_the_minute() {
    let app = App::start().await;
    let client = limited(&app, 3).await;
    let left = |answer: &kit::client::Answer| answer.header("ratelimit").split(';').nth(1).unwrap().to_owned();
    assert_eq!(left(&ask(&client, "ping", json!({})).await.expect(200)), "r=2", "RATE-06");
    assert_eq!(left(&try_call(&client, "create_api_key", json!({"name": "x"})).await.expect(403)), "r=1");
    let told = client.post("/mcp", json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!(left(&told.expect(202)), "r=0");
    let refused = try_call(&client, "whoami", json!({})).await.expect(429);
    assert_eq!((refused.problem(), &refused.json["detail"]), ("rate_limited", &json!("Rate limit exceeded (3/min)")));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    ask(&client, "tools/list", json!({})).await.expect(200);
    app.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    assert_eq!(ask(&client, "tools/list", json!({})).await.expect(401).problem(), "invalid_credential", "MCP-01");
}

/// The holder of a key with this limit.
async fn limited(app: &App, per_minute: u32) -> Client {
    app.key_of("default", "jobs:read", |mut ask| {
        ask.rate_limit = Some(per_minute.try_into().unwrap());
        ask
    })
    .await
}
