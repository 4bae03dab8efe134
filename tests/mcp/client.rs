//! The official client from PyPI, in a process of its own.

use kit::{app::App, foreign::python, log};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

/// What the client was told.
async fn told(app: &App, secret: &str) -> Value {
    let mut client = Command::new(python());
    client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/mcp/client.py")).env_clear();
    client.env("DALSTON_URL", &app.url).env("DALSTON_API_KEY", secret);
    let ended = client.output().await.unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(ended.status.success(), "{err}");
    assert!(!out.contains(secret) && !err.contains(secret));
    serde_json::from_str(&out).unwrap()
}

#[tokio::test]
async fn it_connects_lists_and_calls_with_a_key_and_is_challenged_without() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    app.clock.advance(Duration::from_secs(1));
    let told = told(&app, admin.secret.as_ref().unwrap()).await;
    for (mode, revision) in [("modern", "2026-07-28"), ("greeting", "2025-11-25")] {
        let told = &told[mode];
        assert_eq!(told["revision"], revision, "MCP-08");
        assert_eq!(told["server"]["name"], "dalston");
        assert!(told["tools"].as_array().unwrap().contains(&json!("check_api_key_usage")));
        assert_eq!(told["whoami"]["structuredContent"]["id"], json!(admin.id.unwrap().to_string()));
        let made = &told["made"]["structuredContent"];
        let (_, token) = made["claim_url"].as_str().unwrap().split_once("/auth/claims/").unwrap();
        log::guard(token);
        assert_eq!((made.get("key"), &told["made"]["isError"]), (None, &json!(false)), "MCP-07");
        assert_eq!(told["listed"]["structuredContent"]["items"][0]["id"], made["id"]);
        assert_eq!(told["revoked"]["structuredContent"], json!({"status": "revoked"}));
        assert_eq!(told["unknown"]["isError"], true);
        assert_eq!(told["unknown"]["structuredContent"]["code"], "not_found");
    }
    let refused = &told["refused"];
    assert!(refused["error"].is_string(), "{refused}");
    assert_eq!(
        (&refused["status"], &refused["challenge"]),
        (&json!(401), &json!(r#"Bearer realm="dalston""#)),
        "MCP-02"
    );
}
