//! `POST /auth/keys/{id}/rotate` (KEY-07).

use kit::{app::App, client::Client};
use serde_json::{Value, json};
use std::time::Duration;

fn path(client: &Client) -> String {
    format!("/auth/keys/{}", client.id.unwrap())
}

/// Rotates the key; the holder of its new secret.
async fn rotate(app: &App, admin: &Client, key: &Client, body: Value) -> Client {
    let rotated = admin.post(&format!("{}/rotate", path(key)), body).await.expect(200);
    app.with(&rotated.secret()).known_as(key.id.unwrap())
}

#[tokio::test]
async fn a_rotated_key_has_a_new_secret_and_is_the_same_in_all_else() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app
        .key_of("default", "jobs:read,nudge", |mut ask| {
            ask.rate_limit = Some(60.try_into().unwrap());
            ask
        })
        .await;
    let mut before = admin.get(&path(&key)).await.expect(200).json;
    app.clock.advance(Duration::from_secs(1));
    let rotated = admin.post(&format!("{}/rotate", path(&key)), json!({"overlap_seconds": 60})).await.expect(200);
    let secret = rotated.secret();
    assert_ne!(Some(&secret), key.secret.as_ref());
    assert_eq!(rotated.header("cache-control"), "no-store");
    before["prefix"] = json!(&secret[..10]);
    assert_eq!(admin.get(&path(&key)).await.expect(200).json, before, "the secret is shown once");
    before["key"] = json!(secret);
    before["previous_expires_at"] = json!("2026-01-01T00:01:01Z");
    assert_eq!(rotated.json, before);
}

#[tokio::test]
async fn both_secrets_work_until_the_overlap_ends_to_the_microsecond() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let old = app.key("jobs:read").await;
    let new = rotate(&app, &admin, &old, json!({"overlap_seconds": 60})).await;
    for client in [&old, &new] {
        let me = client.get("/auth/me").await.expect(200);
        assert_eq!(me.json["id"], old.id.unwrap().to_string());
    }
    app.clock.advance(Duration::from_micros(59_999_999));
    old.get("/auth/me").await.expect(200);
    app.clock.advance(Duration::from_micros(1));
    old.get("/auth/me").await.expect(401);
    new.get("/auth/me").await.expect(200);
    app.clock.advance(Duration::from_secs(86_400 * 365));
    new.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn unless_told_the_old_secret_ends_at_once() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let mut key = app.key("jobs:read").await;
    for body in [json!({}), json!({"overlap_seconds": 0})] {
        let new = rotate(&app, &admin, &key, body).await;
        key.get("/auth/me").await.expect(401);
        new.get("/auth/me").await.expect(200);
        key = new;
    }
    let rotated = admin.request(reqwest::Method::POST, &format!("{}/rotate", path(&key)));
    let rotated = kit::client::Answer::of(rotated).await.expect(200);
    app.with(&rotated.secret()).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_key_has_two_live_secrets_at_most() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let first = app.key("jobs:read").await;
    let second = rotate(&app, &admin, &first, json!({"overlap_seconds": 604_800})).await;
    let third = rotate(&app, &admin, &second, json!({"overlap_seconds": 60, "end_overlap": true})).await;
    first.get("/auth/me").await.expect(401);
    second.get("/auth/me").await.expect(200);
    third.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_retry_after_a_lost_answer_leaves_the_secret_in_use_as_it_is() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let path = format!("{}/rotate", path(&key));
    let lost = admin.post(&path, json!({"overlap_seconds": 600})).await.expect(200);
    assert_eq!(lost.json["previous_expires_at"], "2026-01-01T00:10:00Z");
    for body in
        [json!({"overlap_seconds": 600}), json!({"overlap_seconds": 0}), json!({}), json!({"end_overlap": false})]
    {
        let again = admin.post(&path, body).await.expect(409);
        assert_eq!(again.problem(), "conflict");
        let detail = again.json["detail"].as_str().unwrap();
        assert!(detail.contains("2026-01-01T00:10:00Z") && detail.contains("end_overlap"), "{detail}");
    }
    app.clock.advance(Duration::from_micros(599_999_999));
    key.get("/auth/me").await.expect(200);
    admin.post(&path, json!({"overlap_seconds": 1})).await.expect(409);
    app.clock.advance(Duration::from_micros(1));
    key.get("/auth/me").await.expect(401);
    let next = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(
        next.json["previous_expires_at"], "2026-01-01T00:10:00Z",
        "without an overlap: the time of the rotation"
    );
    app.with(&lost.secret()).get("/auth/me").await.expect(401);
    app.with(&next.secret()).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn every_door_refuses_a_second_rotation() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let id = key.id.unwrap().to_string();
    let slash = |words: &str| json!({"command": format!("/keys_rotate {id} overlap_seconds=60{words}")});
    let confirmed = async |body: Value| {
        let proposal = admin.post("/call", body).await.expect(200);
        admin.post("/call", json!({"confirm": proposal.json["confirm"]["token"]})).await
    };
    let first = confirmed(slash("")).await.expect(200);
    assert_eq!(first.json["data"]["previous_expires_at"], "2026-01-01T00:01:00Z");
    let named = json!({"command": "keys.rotate", "arguments": {"key_id": id, "overlap_seconds": 60}});
    let tool = json!({"name": "rotate_api_key", "arguments": {"key_id": id, "overlap_seconds": 60}});
    let mcp = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool});
    for refused in [confirmed(slash("")).await, confirmed(named).await, admin.post("/mcp", mcp).await] {
        assert!(refused.text.contains("valid until 2026-01-01T00:01:00Z"), "{}", refused.text);
        assert!(!refused.text.contains("claim_url"), "{}", refused.text);
        key.get("/auth/me").await.expect(200);
    }
    confirmed(slash(" end_overlap=true")).await.expect(200);
    key.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn both_secrets_share_one_limit_and_one_count() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let old = app
        .key_of("default", "jobs:read", |mut ask| {
            ask.rate_limit = Some(3.try_into().unwrap());
            ask
        })
        .await;
    old.get("/auth/me").await.expect(200);
    let new = rotate(&app, &admin, &old, json!({"overlap_seconds": 3600})).await;
    new.get("/auth/me").await.expect(200);
    old.get("/auth/me").await.expect(200);
    new.get("/auth/me").await.expect(429);
    old.get("/auth/me").await.expect(429);
    let usage = admin.get(&format!("{}/usage", path(&old))).await.expect(200);
    assert_eq!(usage.json["usage_count"], 3);
    assert_eq!(usage.json["refused"]["rate_limited"], 2);
}

#[tokio::test]
async fn the_end_of_a_key_ends_both_secrets() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let old = app.key("jobs:read").await;
    admin.patch(&path(&old), json!({"expires_at": "2026-01-01T00:01:00Z"})).await.expect(200);
    let new = rotate(&app, &admin, &old, json!({"overlap_seconds": 3600})).await;
    admin.patch(&path(&old), json!({"enabled": false})).await.expect(200);
    for client in [&old, &new] {
        client.get("/auth/me").await.expect(401);
    }
    admin.patch(&path(&old), json!({"enabled": true})).await.expect(200);
    for client in [&old, &new] {
        client.get("/auth/me").await.expect(200);
    }
    app.clock.advance(Duration::from_secs(60));
    for client in [&old, &new] {
        client.get("/auth/me").await.expect(401);
    }
}

#[tokio::test]
async fn an_admin_rotates_its_own_key() {
    let app = App::start().await;
    let old = app.key("admin").await;
    let new = rotate(&app, &old, &old, json!({"overlap_seconds": 60})).await;
    new.get("/auth/keys").await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    old.get("/auth/keys").await.expect(401);
    new.get("/auth/keys").await.expect(200);
}

#[tokio::test]
async fn an_overlap_is_up_to_a_week() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    for value in [json!(604_801), json!(-1), json!(1.5), json!("60"), json!(null), json!(4_294_967_296_u64)] {
        let answer = admin.post(&format!("{}/rotate", path(&key)), json!({"overlap_seconds": value})).await.expect(422);
        assert_eq!(answer.fields(), ["overlap_seconds"], "{value}");
    }
    let unknown = admin.post(&format!("{}/rotate", path(&key)), json!({"overlap": 60})).await.expect(422);
    assert_eq!(unknown.fields(), ["overlap"]);
    key.get("/auth/me").await.expect(200);
    rotate(&app, &admin, &key, json!({"overlap_seconds": 604_800})).await;
    app.clock.advance(Duration::from_secs(604_799));
    key.get("/auth/me").await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    key.get("/auth/me").await.expect(401);
}
