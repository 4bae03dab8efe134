//! `Idempotency-Key` on create and rotate (IDEM-01). The secret is not kept, so a repeat is told the id alone.

use kit::{
    app::App,
    client::{Answer, Client},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const KEY: &str = "idempotency-key";

async fn create(client: &Client, key: &str, body: Value) -> Answer {
    client.post_with("/auth/keys", body, &[(KEY, key)]).await
}

#[tokio::test]
async fn a_repeated_create_makes_one_key_and_tells_its_id() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let made = create(&admin, "once", json!({"name": "n"})).await.expect(201);
    made.secret();
    for spelling in ["once", "\"once\""] {
        let again = create(&admin, spelling, json!({"name": "n"})).await;
        assert_eq!((again.code(), again.problem()), (409, "conflict"));
        assert!(again.text.contains(made.json["id"].as_str().unwrap()), "{}", again.text);
        assert!(!again.text.contains(made.json["key"].as_str().unwrap()));
    }
    assert_eq!(admin.get("/auth/keys").await.expect(200).ids().len(), 2);
}

#[tokio::test]
async fn another_payload_under_the_same_key_is_refused() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    create(&admin, "once", json!({"name": "n"})).await.expect(201).secret();
    for other in [json!({"name": "m"}), json!({"name": "n", "rate_limit": 1})] {
        let answer = create(&admin, "once", other).await;
        assert_eq!((answer.code(), answer.problem()), (422, "invalid_request"));
        assert_eq!(answer.fields(), ["Idempotency-Key"]);
    }
    assert_eq!(admin.get("/auth/keys").await.expect(200).ids().len(), 2);
}

#[tokio::test]
async fn a_request_that_failed_may_be_repeated_corrected() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    create(&admin, "once", json!({"name": ""})).await.expect(422);
    create(&admin, "once", json!({"name": "n", "scopes": ["platform"]})).await.expect(403);
    create(&admin, "once", json!({"name": "n"})).await.expect(201).secret();
}

#[tokio::test]
async fn each_caller_and_each_command_has_keys_of_its_own() {
    let app = App::start().await;
    let (one, two) = (app.key("admin").await, app.key("admin").await);
    let stranger = app.key_of("other", "admin", |ask| ask).await;
    for client in [&one, &two, &stranger, &app.master()] {
        create(client, "once", json!({"name": "n"})).await.expect(201).secret();
    }
    let path = format!("/auth/keys/{}/rotate", two.id.unwrap());
    one.post_with(&path, json!({}), &[(KEY, "once")]).await.expect(200).secret();
}

#[tokio::test]
async fn a_repeated_rotation_rotates_once() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let (key, other) = (app.key("jobs:read").await, app.key("jobs:read").await);
    let path = |client: &Client| format!("/auth/keys/{}/rotate", client.id.unwrap());
    let body = json!({"overlap_seconds": 60});
    let new = admin.post_with(&path(&key), body.clone(), &[(KEY, "once")]).await.expect(200).secret();
    let again = admin.post_with(&path(&key), body.clone(), &[(KEY, "once")]).await.expect(409);
    assert!(again.text.contains(&key.id.unwrap().to_string()));
    admin.post_with(&path(&key), json!({"overlap_seconds": 61}), &[(KEY, "once")]).await.expect(422);
    admin.post_with(&path(&other), body, &[(KEY, "once")]).await.expect(422);
    for client in [&key, &app.with(&new), &other] {
        client.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_repeat_is_known_for_a_day() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    create(&admin, "once", json!({"name": "n"})).await.expect(201).secret();
    app.clock.advance(Duration::from_secs(86_399));
    create(&admin, "once", json!({"name": "n"})).await.expect(409);
    app.clock.advance(Duration::from_secs(1));
    create(&admin, "once", json!({"name": "n"})).await.expect(201).secret();
    create(&admin, "once", json!({"name": "n"})).await.expect(409);
}

#[tokio::test]
async fn a_key_that_is_none_is_not_well_formed() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for wrong in ["", "a b", "\"\"", "\"a", "a\"b", "é", "a\\b", &"x".repeat(256)] {
        let answer = create(&admin, wrong, json!({"name": "n"})).await;
        assert_eq!((answer.code(), answer.problem()), (400, "invalid_request"), "{wrong}");
    }
    let twice = admin.post_with("/auth/keys", json!({"name": "n"}), &[(KEY, "a"), (KEY, "a")]).await;
    assert_eq!(twice.code(), 400);
    create(&admin, &"x".repeat(255), json!({"name": "n"})).await.expect(201).secret();
    // Elsewhere it means nothing.
    Answer::of(admin.request(Method::GET, "/auth/keys").header(KEY, "a b")).await.expect(200);
}
