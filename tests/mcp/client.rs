//! The official clients, from PyPI and from npm, in processes of their own.

use kit::{
    app::App,
    client::Client,
    foreign::{modules, node, python},
    log,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

/// What a client was told that has the key of an administrator, and one that reads jobs only.
async fn told(app: &App, mut client: Command, admin: &Client) -> Value {
    let (secret, reader) = (admin.secret.as_ref().unwrap(), app.key("jobs:read").await.secret.unwrap());
    // The keys that the client makes are the newest.
    app.clock.advance(Duration::from_secs(1));
    client.env_clear().env("DALSTON_URL", &app.url).env("CLIENTS", modules());
    client.env("DALSTON_API_KEY", secret).env("DALSTON_READER_KEY", reader);
    let ended = client.output().await.unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(ended.status.success(), "{err}");
    assert!(!out.contains(secret.as_str()) && !err.contains(secret.as_str()));
    serde_json::from_str(&out).unwrap()
}

/// The program that runs the script of this name.
fn program(with: impl AsRef<std::ffi::OsStr>, script: &str) -> Command {
    let mut program = Command::new(with);
    program.arg(format!("{}/mcp/{script}", env!("CARGO_MANIFEST_DIR")));
    program
}

/// What every client was told that came with the key.
fn is_served(told: &Value, id: &str) {
    assert_eq!(told["server"]["name"], "dalston");
    assert!(told["tools"].as_array().unwrap().contains(&json!("check_api_key_usage")));
    assert_eq!(told["whoami"]["structuredContent"]["id"], id);
    let made = &told["made"]["structuredContent"];
    let (_, token) = made["claim_url"].as_str().unwrap().split_once("/auth/claims/").unwrap();
    log::guard(token);
    assert_eq!((made.get("key"), &told["made"]["isError"]), (None, &json!(false)), "MCP-07");
    assert_eq!(told["listed"]["structuredContent"]["items"][0]["id"], made["id"]);
    assert_eq!(told["revoked"]["structuredContent"], json!({"status": "revoked"}));
    assert_eq!(told["unknown"]["isError"], true);
    assert_eq!(told["unknown"]["structuredContent"]["code"], "not_found");
    assert!(told["refused"]["text"].is_string(), "MCP-02 {told}");
    assert!(told["stranger"]["text"].is_string(), "MCP-01 {told}");
}

#[tokio::test]
async fn it_connects_lists_and_calls_with_a_key_and_is_challenged_without() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let told = told(&app, program(python(), "client.py"), &admin).await;
    for (mode, revision) in [("modern", "2026-07-28"), ("greeting", "2025-11-25")] {
        assert_eq!(told[mode]["revision"], revision, "MCP-08");
        is_served(&told[mode], &admin.id.unwrap().to_string());
    }
    let refused = &told["refused"];
    assert_eq!(
        (&refused["status"], &refused["challenge"]),
        (&json!(401), &json!(r#"Bearer realm="dalston""#)),
        "MCP-02"
    );
}

#[tokio::test]
async fn those_in_typescript_do_the_same() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let told = told(&app, program(node(), "client.mjs"), &admin).await;
    for mode in ["greeting", "modern"] {
        let told = &told[mode];
        is_served(told, &admin.id.unwrap().to_string());
        assert_eq!(told["nothing"]["code"], -32602, "{told}");
        let refused = told["refused"]["text"].as_str().unwrap();
        assert!(
            refused.to_ascii_lowercase().contains("insufficient scope") || refused.contains("insufficient_scope"),
            "MCP-02 {refused}"
        );
    }
    assert_eq!(told["modern"]["revision"], "2026-07-28", "MCP-08");
}
