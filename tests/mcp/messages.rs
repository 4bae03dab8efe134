//! JSON-RPC over one POST: what is no message, what is told only, what is answered (MCP-04, MCP-06, MCP-09).

use super::{ask, asking, call};
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    patience::eventually,
    raw::Raw,
    stores,
};
use reqwest::Method;
use serde_json::{Value, json};

async fn send(client: &Client, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request(Method::POST, "/mcp").header("content-type", "application/json").body(body);
    Answer::of(request).await
}

#[tokio::test]
async fn what_is_no_message_is_refused_as_json_rpc_says() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for (body, status, code, id) in [
        ("", 400, -32700, json!(null)),
        ("{]", 400, -32700, json!(null)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#, 400, -32700, json!(null)),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600, json!(null)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, 400, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600, json!(null)),
        (r#"{"jsonrpc":"2.0","id":"a","method":"no/such"}"#, 200, -32601, json!("a")),
        (r#"{"jsonrpc":"2.0","id":2,"method":"prompts/list"}"#, 200, -32601, json!(2)),
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/call"}"#, 200, -32602, json!(3)),
        (r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":7}}"#, 200, -32602, json!(4)),
        (r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"no_such"}}"#, 200, -32602, json!(5)),
        (
            r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"help","arguments":[1]}}"#,
            200,
            -32602,
            json!(6),
        ),
        (r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}"#, 200, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":"x"}}"#, 200, -32602, json!(8)),
        (r#"{"jsonrpc":"2.0","id":9,"method":"tools/list","params":"x"}"#, 200, -32602, json!(9)),
    ] {
        let answer = send(&client, body).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/json", "{body}");
        assert_eq!((&answer.json["jsonrpc"], &answer.json["id"]), (&json!("2.0"), &id), "MCP-04 {body}");
        assert_eq!(answer.json["error"]["code"], code, "MCP-04 {body}: {}", answer.text);
        assert_eq!(answer.json.get("result"), None, "{body}");
    }
}

#[tokio::test]
async fn an_id_is_echoed_exactly() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for id in [json!(0), json!(-1), json!(9_007_199_254_740_993_i64), json!("1"), json!(""), json!("é\"")] {
        let answer = client.post("/mcp", json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).await.expect(200);
        assert_eq!(answer.json, json!({"jsonrpc": "2.0", "id": id, "result": {}}), "MCP-04");
    }
}

#[tokio::test]
async fn a_notification_or_an_answer_is_taken_and_runs_nothing() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let app = Start::default().on(fixture).start().await;
    let admin = app.key("admin").await;
    let before = store.checkpoint().await.unwrap().seq;
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "method": "no/such"}),
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "create_api_key", "arguments": {"name": "x"}}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32603, "message": "x"}}),
    ] {
        let answer = admin.post("/mcp", message.clone()).await;
        assert_eq!((answer.code(), answer.text.as_str()), (202, ""), "MCP-04 {message}");
    }
    assert_eq!(store.checkpoint().await.unwrap().seq, before, "MCP-07 a notification never runs a tool");
}

#[tokio::test]
async fn there_is_no_stream_to_get_and_no_session_to_end() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let request = client.request(method.clone(), "/mcp").header("accept", "text/event-stream");
        let answer = Answer::of(request).await.expect(405);
        assert_eq!((answer.problem(), answer.header("allow")), ("method_not_allowed", "POST"), "MCP-06 {method}");
        Answer::of(app.anon().request(method, "/mcp")).await.expect(401);
    }
}

#[tokio::test]
async fn a_session_is_never_given_and_never_asked_for() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"},
    });
    let answer = ask(&client, "initialize", hello).await.expect(200);
    assert_eq!(answer.header("mcp-session-id"), "", "MCP-09");
    let headers = [("mcp-session-id", "00000000-0000-0000-0000-000000000000")];
    let listed = client.post_with("/mcp", asking("tools/list", json!({})), &headers).await.expect(200);
    assert_eq!(listed.header("mcp-session-id"), "", "MCP-09");
    app.anon().post_with("/mcp", asking("tools/list", json!({})), &headers).await.expect(401);
}

#[tokio::test]
async fn large_messages_have_a_bounded_number_of_places_and_a_tenant_a_share_of_them() {
    let app = App::start().await;
    let (client, other) = (app.key("jobs:read").await, app.key_of("acme", "jobs:read", |ask| ask).await);
    let large = format!("{}{}", asking("ping", json!({})), " ".repeat(100_000));
    send(&other, large.clone()).await.expect(200);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000\r\n\r\n",
        client.secret.as_ref().unwrap()
    );
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut raw = Raw::connect(app.address).await;
        raw.send(&[head.as_bytes(), large.as_bytes()].concat()).await;
        held.push(raw);
    }
    eventually("its share is taken", async || send(&client, large.clone()).await.status == 503).await;
    let refused = send(&client, large.clone()).await.expect(503);
    assert_eq!((refused.problem(), refused.header("retry-after")), ("unavailable", "1"));
    send(&client, asking("ping", json!({})).to_string()).await.expect(200);
    send(&other, large.clone()).await.expect(200);
    drop(held);
    eventually("the places are free again", async || send(&client, large.clone()).await.status == 200).await;
}

#[tokio::test]
async fn a_message_is_json_of_at_most_a_mebibyte_and_the_client_takes_json() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
        let request = client.request(Method::POST, "/mcp").header("content-type", kind).body("{}");
        assert_eq!(Answer::of(request).await.expect(415).problem(), "unsupported_media", "{kind}");
    }
    let padded = |bytes: usize| format!("{}{}", asking("ping", json!({})), " ".repeat(bytes));
    send(&client, padded(1_000_000)).await.expect(200);
    assert_eq!(send(&client, padded(1_048_576)).await.expect(413).problem(), "too_large");
    for accept in ["application/json, text/event-stream", "application/json", "*/*", "text/html, application/*;q=0.1"] {
        client.post_with("/mcp", asking("ping", json!({})), &[("accept", accept)]).await.expect(200);
    }
    for accept in ["text/event-stream", "application/json;q=0, text/html"] {
        let answer = client.post_with("/mcp", asking("ping", json!({})), &[("accept", accept)]).await.expect(406);
        assert_eq!(answer.json["error"]["code"], -32600, "{accept}");
    }
}

#[tokio::test]
async fn answers_are_not_kept_by_anybody() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let answer = ask(&client, "tools/list", json!({})).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(call(&client, "whoami", json!({})).await["isError"], Value::Bool(false));
}
