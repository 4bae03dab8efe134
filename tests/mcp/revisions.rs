//! The revisions of the protocol: those with a greeting, and the one without (MCP-08).

use super::asking;
use kit::{
    app::App,
    client::{Answer, Client},
};
use serde_json::{Value, json};

const VERSION: &str = "mcp-protocol-version";
const NEWEST: &str = "2026-07-28";

/// Greets in this revision.
async fn greet(client: &Client, revision: &str) -> Answer {
    let client_info = json!({"name": "test", "version": "0"});
    let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client_info});
    client.post("/mcp", asking("initialize", params)).await
}

/// A request of the newest revision, which says of itself all that is to be known.
fn modern(method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    asking(method, params)
}

#[tokio::test]
async fn a_greeting_agrees_on_a_revision_and_tells_who_answers() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = greet(&client, revision).await.expect(200);
        let result = &answer.json["result"];
        assert_eq!(result["protocolVersion"], revision, "MCP-08");
        let server = json!({"name": "dalston", "title": "Dalston", "version": env!("CARGO_PKG_VERSION")});
        assert_eq!(result["serverInfo"], server);
        assert_eq!(result["capabilities"], json!({"tools": {}}));
        assert!(result["instructions"].as_str().unwrap().contains("claim_url"));
        client.post_with("/mcp", asking("tools/list", json!({})), &[(VERSION, revision)]).await.expect(200);
    }
    for other in ["2024-11-05", "1.0", NEWEST] {
        let answer = greet(&client, other).await.expect(200);
        assert_eq!(answer.json["result"]["protocolVersion"], "2025-11-25", "MCP-08 {other}");
    }
}

#[tokio::test]
async fn a_revision_that_is_not_spoken_is_refused() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for revision in ["2024-11-05", "2099-01-01", "x", ""] {
        for method in ["tools/list", "initialize"] {
            let answer = client.post_with("/mcp", asking(method, json!({})), &[(VERSION, revision)]).await.expect(400);
            assert_eq!(answer.json["error"]["code"], -32022, "MCP-08 {revision}: {}", answer.text);
            let spoken = json!(["2025-03-26", "2025-06-18", "2025-11-25", NEWEST]);
            assert_eq!(answer.json["error"]["data"]["supported"], spoken);
        }
    }
    let twice = [(VERSION, "2025-11-25"), (VERSION, "x")];
    client.post_with("/mcp", asking("ping", json!({})), &twice).await.expect(400);
}

#[tokio::test]
async fn the_newest_revision_needs_no_greeting() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let headers = [(VERSION, NEWEST), ("mcp-method", "server/discover")];
    let found = client.post_with("/mcp", modern("server/discover", &json!({})), &headers).await.expect(200);
    let result = &found.json["result"];
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!(NEWEST)), "MCP-08 {}", found.text);
    assert_eq!(result["capabilities"], json!({"tools": {}}));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "dalston", "{}", found.text);
    assert_eq!(result["cacheScope"], "private");

    let headers = [(VERSION, NEWEST), ("mcp-method", "tools/list")];
    let listed = client.post_with("/mcp", modern("tools/list", &json!({})), &headers).await.expect(200);
    let result = &listed.json["result"];
    assert_eq!(
        (&result["cacheScope"], &result["ttlMs"]),
        (&json!("private"), &json!(0)),
        "the list is the caller's own"
    );

    let headers = [(VERSION, NEWEST), ("mcp-method", "tools/call"), ("mcp-name", "whoami")];
    let called = client.post_with("/mcp", modern("tools/call", &json!({"name": "whoami"})), &headers).await.expect(200);
    assert_eq!(called.json["result"]["structuredContent"]["id"], json!(client.id.unwrap().to_string()));

    let headers = [(VERSION, NEWEST), ("mcp-method", "no/such")];
    let unknown = client.post_with("/mcp", modern("no/such", &json!({})), &headers).await.expect(404);
    assert_eq!(unknown.json["error"]["code"], -32601, "MCP-08");
}

#[tokio::test]
async fn in_the_newest_revision_headers_and_body_must_agree() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let whoami = modern("tools/call", &json!({"name": "whoami"}));
    for headers in [
        &[(VERSION, NEWEST)][..],
        &[(VERSION, NEWEST), ("mcp-method", "tools/list"), ("mcp-name", "whoami")],
        &[(VERSION, NEWEST), ("mcp-method", "tools/call")],
        &[(VERSION, NEWEST), ("mcp-method", "tools/call"), ("mcp-name", "help")],
        &[("mcp-method", "tools/call"), ("mcp-name", "whoami")],
        &[(VERSION, "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "whoami")],
    ] {
        let answer = client.post_with("/mcp", whoami.clone(), headers).await.expect(400);
        assert_eq!(answer.json["error"]["code"], -32020, "MCP-08 {headers:?}: {}", answer.text);
        assert_eq!(answer.json["id"], 1);
    }
    let headers = [(VERSION, NEWEST), ("mcp-method", "tools/list")];
    let bare = client.post_with("/mcp", asking("tools/list", json!({})), &headers).await.expect(400);
    assert_eq!(bare.json["error"]["code"], -32602, "MCP-08 {}", bare.text);
}
