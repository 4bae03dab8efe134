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

#[tokio::test]
async fn a_greeting_and_its_headers_agree() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let client_info = json!({"name": "test", "version": "0"});
    let hello = |revision: &str| {
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client_info});
        asking("initialize", params)
    };
    for (revision, headers, status, code) in [
        ("2025-11-25", &[(VERSION, "2025-11-25"), ("mcp-method", "initialize")][..], 200, Value::Null),
        ("2025-11-25", &[(VERSION, "2025-11-25"), ("mcp-method", "tools/list")], 200, Value::Null),
        ("2025-11-25", &[(VERSION, "2025-06-18")], 400, json!(-32600)),
        (NEWEST, &[(VERSION, NEWEST)], 200, Value::Null),
        (NEWEST, &[(VERSION, NEWEST), ("mcp-method", "initialize")], 200, Value::Null),
        (NEWEST, &[(VERSION, NEWEST), ("mcp-method", "tools/list")], 400, json!(-32020)),
        (NEWEST, &[(VERSION, NEWEST), ("mcp-method", "initialize"), ("mcp-method", "initialize")], 400, json!(-32020)),
    ] {
        let answer = client.post_with("/mcp", hello(revision), headers).await.expect(status);
        assert_eq!(answer.json["error"]["code"], code, "MCP-08 {headers:?}: {}", answer.text);
        assert_eq!(answer.json["id"], 1, "MCP-08 {headers:?}");
    }
}

#[tokio::test]
async fn in_the_newest_revision_a_request_says_all_of_itself() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let headers = [(VERSION, NEWEST), ("mcp-method", "tools/list")];
    for lost in ["protocolVersion", "clientCapabilities"] {
        let mut request = modern("tools/list", &json!({}));
        request["params"]["_meta"].as_object_mut().unwrap().remove(&format!("io.modelcontextprotocol/{lost}"));
        let answer = client.post_with("/mcp", request, &headers).await.expect(400);
        assert_eq!(answer.json["error"]["code"], -32602, "MCP-08 {lost}: {}", answer.text);
        assert!(answer.json["error"]["message"].as_str().unwrap().contains(lost), "{}", answer.text);
    }
    let other = modern("tools/list", &json!({})).to_string().replace(NEWEST, "2025-11-25");
    let answer = client.post_with("/mcp", serde_json::from_str(&other).unwrap(), &headers).await.expect(400);
    assert_eq!(answer.json["error"]["code"], -32020, "MCP-08 {}", answer.text);
    // Without a greeting nobody asks whether the other lives.
    let headers = [(VERSION, NEWEST), ("mcp-method", "ping")];
    let answer = client.post_with("/mcp", modern("ping", &json!({})), &headers).await.expect(404);
    assert_eq!(answer.json["error"]["code"], -32601, "MCP-08 {}", answer.text);
    // Nor does one of the older revisions discover.
    for headers in [&[(VERSION, "2025-11-25")][..], &[]] {
        let answer = client.post_with("/mcp", asking("server/discover", json!({})), headers).await.expect(400);
        assert_eq!(answer.json["error"]["code"], -32602, "MCP-08 {}", answer.text);
    }
}

#[tokio::test]
async fn a_name_may_be_wrapped_in_its_header() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    let whoami = modern("tools/call", &json!({"name": "whoami"}));
    for (name, status) in [("=?base64?d2hvYW1p?=", 200), ("=?base64?aGVscA==?=", 400), ("=?base64?!?=", 400)] {
        let headers = [(VERSION, NEWEST), ("mcp-method", "tools/call"), ("mcp-name", name)];
        let answer = client.post_with("/mcp", whoami.clone(), &headers).await.expect(status);
        assert_eq!(
            answer.json["error"]["code"],
            if status == 200 { Value::Null } else { json!(-32020) },
            "MCP-08 {name}"
        );
    }
}

#[tokio::test]
async fn only_the_newest_revision_tells_the_kind_of_a_result_and_how_long_it_holds() {
    let app = App::start().await;
    let client = app.key("jobs:read").await;
    for (method, params) in [("tools/list", json!({})), ("tools/call", json!({"name": "whoami"}))] {
        let older = client.post("/mcp", asking(method, params.clone())).await.expect(200);
        let headers = [(VERSION, NEWEST), ("mcp-method", method), ("mcp-name", "whoami")];
        let newest = client.post_with("/mcp", modern(method, &params), &headers).await.expect(200);
        for field in ["resultType", "ttlMs", "cacheScope"] {
            assert_eq!(older.json["result"].get(field), None, "MCP-08 {method}: {field}");
        }
        assert_eq!(newest.json["result"]["resultType"], "complete", "MCP-08 {method}");
    }
}
