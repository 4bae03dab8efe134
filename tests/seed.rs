//! Seed M11: every line of its *Verification* and its *Checkpoint*, a test each, named after it.

mod checkpoint;

use dalston_auth::{KeyExpiry, MintedKey, NewKey};
use dalston_model::KeyScopes;
use dalston_runtime::admin_box;

use futures_util::StreamExt;
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    log, wav,
    workers::Echo,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const JOBS: &str = "/v1/audio/transcriptions";
const STREAM: &str = "/v1/audio/transcriptions/stream";

/// `create-admin-key --name "My Admin Key"`, as the local operator.
async fn create_admin(app: &App) -> MintedKey {
    let ask = NewKey {
        name: "My Admin Key".parse().unwrap(),
        description: None,
        scopes: KeyScopes::ADMIN,
        rate_limit: None,
        ends: KeyExpiry::Never,
        metadata: dalston_model::Metadata::default(),
        tenant: None,
    };
    let minted = app.runtime.services.keys.create(&app.permit("default"), ask, None).await.unwrap();
    log::guard(minted.secret.expose());
    minted
}

/// What a socket hears first: a message, or the code and the reason of its end.
async fn first_word(app: &App, query: &str) -> Result<Value, (u16, String)> {
    let (mut socket, answer) = connect_async(format!("ws://{}{STREAM}?{query}", app.address)).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101, "a browser reads no other answer");
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
        Message::Close(Some(frame)) => {
            assert!(socket.next().await.is_none_or(|next| next.is_err()), "nothing comes after the end");
            Err((frame.code.into(), frame.reason.to_string()))
        }
        other => panic!("{other:?}"),
    }
}

/// An app that can stream, and its admin.
async fn streaming() -> (App, Client) {
    let app = Start::default().worker(Echo).start().await;
    let admin = app.key("admin").await;
    (app, admin)
}

// Verification: Create Admin Key

#[tokio::test]
async fn create_admin_key() {
    let app = App::start().await;
    let minted = create_admin(&app).await;
    let rule = "=".repeat(60);
    let (id, secret) = (minted.key.key.id.to_string(), minted.secret.expose());
    let shown = admin_box(&id, minted.key.key.name.as_str(), "admin", secret, "http://localhost:8000");
    for line in [
        rule.as_str(),
        "  ADMIN API KEY CREATED",
        &format!("  Key ID:   {id}"),
        "  Name:     My Admin Key",
        "  Scopes:   admin",
        "  🔑 Your API Key (save this - shown only once!):",
        &format!("     {secret}"),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} is missing in {shown}");
    }
    assert_eq!(shown.matches(secret).count(), 1, "F-35");
    assert!(secret.starts_with("dk_"));
    let admin = app.with(secret);
    assert_eq!(admin.get("/auth/me").await.expect(200).json["name"], "My Admin Key");
    admin.get("/auth/keys").await.expect(200);
}

// Verification: Test Authentication

#[tokio::test]
async fn authenticated_request() {
    let app = App::start().await;
    let admin = app.with(create_admin(&app).await.secret.expose());
    let job = admin.upload(wav::tone(1), "audio.wav").await.expect(201);
    assert_eq!((&job.json["status"], &job.json["tenant_id"]), (&json!("pending"), &json!("default")));
}

#[tokio::test]
async fn missing_key() {
    let app = App::start().await;
    let answer = app.anon().upload(wav::tone(1), "audio.wav").await.expect(401);
    assert!(answer.json["detail"].as_str().unwrap().starts_with("Missing API key."));
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn invalid_key() {
    let app = App::start().await;
    let answer = app.with("dk_invalid").upload(wav::tone(1), "audio.wav").await.expect(401);
    assert_eq!(answer.json["detail"], "Invalid or revoked API key");
}

// Verification: Test Key Management

#[tokio::test]
async fn create_a_limited_key() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let made = admin.post("/auth/keys", json!({"name": "Read Only", "scopes": ["jobs:read"]})).await.expect(201);
    assert_eq!((&made.json["name"], &made.json["scopes"]), (&json!("Read Only"), &json!(["jobs:read"])));
    let limited = app.with(&made.secret());
    limited.get(JOBS).await.expect(200);
    let refused = limited.upload(wav::tone(1), "audio.wav").await.expect(403);
    assert_eq!(refused.json["detail"], "Missing required scope: jobs:write");
    limited.get("/auth/keys").await.expect(403);
}

#[tokio::test]
async fn list_keys() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let made = admin.post("/auth/keys", json!({"name": "Read Only"})).await.expect(201);
    let secret = made.secret();
    let list = admin.get("/auth/keys").await.expect(200);
    let mut ids = list.ids();
    ids.sort_unstable();
    let mut expected = [admin.id.unwrap().to_string(), made.json["id"].as_str().unwrap().to_owned()];
    expected.sort_unstable();
    assert_eq!(ids, expected, "F-01");
    assert!(!list.text.contains(&secret));
}

#[tokio::test]
async fn revoke_a_key() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    key.get(JOBS).await.expect(200);
    let path = format!("/auth/keys/{}", key.id.unwrap());
    assert_eq!(admin.delete(&path).await.expect(200).json, json!({"status": "revoked"}), "F-01");
    key.get(JOBS).await.expect(401);
    assert_eq!(admin.get("/auth/keys").await.expect(200).ids(), [admin.id.unwrap().to_string()]);
}

// Verification: Test WebSocket Authentication

#[tokio::test]
async fn websocket_with_api_key() {
    let (app, admin) = streaming().await;
    for client in [admin, app.key("realtime").await] {
        let query = format!("api_key={}&language=en", client.secret.unwrap());
        let begun = first_word(&app, &query).await.unwrap();
        assert_eq!(begun["type"], "session.begin");
        assert_eq!(begun["config"]["language"], "en");
    }
}

#[tokio::test]
async fn websocket_without_api_key() {
    let (app, _) = streaming().await;
    assert_eq!(first_word(&app, "language=en").await, Err((4001, "Invalid API key".to_owned())), "F-05 F-06");
}

#[tokio::test]
async fn websocket_with_an_invalid_or_revoked_key() {
    let (app, admin) = streaming().await;
    let key = app.key("realtime").await;
    admin.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    for secret in ["dk_invalid", &key.secret.unwrap()] {
        let end = first_word(&app, &format!("api_key={secret}&language=en")).await;
        assert_eq!(end, Err((4001, "Invalid API key".to_owned())));
    }
}

#[tokio::test]
async fn websocket_without_the_realtime_scope() {
    let (app, _) = streaming().await;
    let secret = app.key("jobs:read,jobs:write").await.secret.unwrap();
    let end = first_word(&app, &format!("api_key={secret}")).await;
    assert_eq!(end, Err((4003, "Missing 'realtime' scope".to_owned())));
}

#[tokio::test]
async fn websocket_over_the_rate_limit() {
    let (app, admin) = streaming().await;
    let made = admin.post("/auth/keys", json!({"name": "n", "rate_limit": 1})).await.expect(201);
    let query = format!("api_key={}", made.secret());
    first_word(&app, &query).await.unwrap();
    assert_eq!(first_word(&app, &query).await, Err((4029, "Rate limit exceeded".to_owned())));
}

// Verification: Test Tenant Isolation

#[tokio::test]
async fn tenant_isolation() {
    let app = App::start().await;
    // The seed's second key was in the first key's tenant (F-07): a tenant is made first, and the key in it.
    app.master().post("/v1/tenants", json!({"id": "other", "name": "Other Tenant"})).await.expect(201);
    let ask = json!({"name": "Other Tenant", "scopes": ["jobs:read", "jobs:write"], "tenant_id": "other"});
    let theirs = app.with(&app.master().post("/auth/keys", ask).await.expect(201).secret());
    let ours = app.key("jobs:read,jobs:write").await;
    let our_job = ours.upload(wav::tone(1), "a.wav").await.expect(201).json;
    let their_job = theirs.upload(wav::tone(1), "b.wav").await.expect(201).json;
    assert_eq!(ours.get(JOBS).await.expect(200).json, json!([our_job]));
    assert_eq!(theirs.get(JOBS).await.expect(200).json, json!([their_job]));
    let path = |job: &Value| format!("{JOBS}/{}", job["id"].as_str().unwrap());
    ours.get(&path(&our_job)).await.expect(200);
    theirs.get(&path(&our_job)).await.expect(404);
    theirs.delete(&path(&our_job)).await.expect(404);
    ours.get(&path(&their_job)).await.expect(404);
}

#[tokio::test]
async fn a_body_without_its_media_type_is_told_which_one_to_send() {
    let app = App::start().await;
    // As the seed's `curl -d` without a header sends it (F-07).
    let request = app.key("admin").await.request(Method::POST, "/auth/keys");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = Answer::of(request.body(r#"{"name": "Other Tenant"}"#)).await.expect(415);
    assert_eq!(answer.json["detail"], "Send a body of Content-Type application/json");
}
