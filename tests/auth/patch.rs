//! `PATCH /auth/keys/{id}`.

use kit::{app::App, client::Client};
use serde_json::{Value, json};
use std::time::Duration;

fn path(client: &Client) -> String {
    format!("/auth/keys/{}", client.id.unwrap())
}

#[tokio::test]
async fn each_field_is_changed_alone_and_the_others_stay() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let mut expected = admin.get(&path(&key)).await.expect(200).json;
    for (field, value) in [
        ("name", json!("renamed")),
        ("description", json!("what for")),
        ("scopes", json!(["jobs:write", "nudge"])),
        ("rate_limit", json!(1_000_000)),
        ("enabled", json!(false)),
        ("enabled", json!(true)),
        ("expires_at", json!("2026-06-01T00:00:00Z")),
        ("metadata", json!({"a": [1]})),
        ("metadata", json!({})),
        ("description", json!(null)),
        ("rate_limit", json!(null)),
        ("expires_at", json!(null)),
    ] {
        expected[field] = value.clone();
        let changed = admin.patch(&path(&key), json!({field: value})).await.expect(200);
        assert_eq!(changed.json, expected, "{field}");
        assert_eq!(admin.get(&path(&key)).await.expect(200).json, expected, "{field}");
    }
}

#[tokio::test]
async fn several_fields_are_changed_at_once_or_none() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let before = admin.get(&path(&key)).await.expect(200).json;
    admin.patch(&path(&key), json!({"name": "new", "rate_limit": 0})).await.expect(422);
    assert_eq!(admin.get(&path(&key)).await.expect(200).json, before);
    let changed = admin.patch(&path(&key), json!({"name": "new", "rate_limit": 5})).await.expect(200);
    assert_eq!((&changed.json["name"], &changed.json["rate_limit"]), (&json!("new"), &json!(5)));
}

#[tokio::test]
async fn a_wrong_value_is_named_by_its_field() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let wrong: Vec<(&str, Vec<Value>)> = vec![
        ("name", vec![json!(null), json!(""), json!("canary\u{0}"), json!(1)]),
        ("description", vec![json!("canary".repeat(200)), json!(1)]),
        ("scopes", vec![json!(null), json!([]), json!(["canary"]), json!(["jobs:read", "jobs:read"])]),
        ("rate_limit", vec![json!(0), json!(-1), json!(1.5), json!(1_000_001), json!("60")]),
        ("enabled", vec![json!(null), json!("canary"), json!(1)]),
        ("expires_at", vec![json!("canary"), json!("2026-01-01T00:00:00Z"), json!("2025-01-01T00:00:00Z")]),
        ("metadata", vec![json!(null), json!([]), json!("canary")]),
    ];
    for (field, values) in wrong {
        for value in values {
            let answer = admin.patch(&path(&key), json!({field: value})).await;
            // A NUL character is not well-formed here.
            let status = if value == json!("canary\u{0}") { 400 } else { 422 };
            assert_eq!((answer.code(), answer.problem()), (status, "invalid_request"), "{field} {value}");
            assert!(status == 400 || answer.fields() == [field], "{field} {value}: {}", answer.text);
            assert!(!answer.text.contains("canary"), "ERR-02");
        }
    }
}

#[tokio::test]
async fn what_the_server_owns_is_refused_by_name_and_nothing_is_no_change() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    for field in [
        "id",
        "key",
        "tenant_id",
        "prefix",
        "created_at",
        "created_by",
        "revoked_at",
        "last_used_at",
        "expires_in_seconds",
    ] {
        assert_eq!(admin.patch(&path(&key), json!({field: null})).await.expect(422).fields(), [field], "AUTHZ-05");
    }
    let elsewhere = json!({"key_id": admin.id.unwrap().to_string(), "name": "n"});
    assert_eq!(admin.patch(&path(&key), elsewhere).await.expect(422).fields(), ["key_id"]);
    admin.patch(&path(&key), json!({})).await.expect(422);
}

#[tokio::test]
async fn a_disabled_key_is_dead_until_it_is_enabled() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    for _ in 0..2 {
        admin.patch(&path(&key), json!({"enabled": false})).await.expect(200);
        key.get("/auth/me").await.expect(401);
        admin.patch(&path(&key), json!({"enabled": true})).await.expect(200);
        key.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn an_expired_key_lives_again_with_another_end() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    admin.patch(&path(&key), json!({"expires_at": "2026-01-01T00:01:00Z"})).await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    key.get("/auth/me").await.expect(401);
    admin.patch(&path(&key), json!({"expires_at": null})).await.expect(200);
    key.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_changed_no_more() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    admin.delete(&path(&key)).await.expect(200);
    let before = admin.get(&path(&key)).await.expect(200).json;
    for patch in [json!({"name": "new"}), json!({"enabled": true}), json!({"expires_at": null})] {
        let answer = admin.patch(&path(&key), patch).await;
        assert_eq!((answer.code(), answer.problem()), (409, "conflict"), "REV-04");
    }
    assert_eq!(admin.get(&path(&key)).await.expect(200).json, before);
    key.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn a_key_does_not_lock_itself_out() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let ends = json!({"expires_at": "2026-06-01T00:00:00Z"});
    for patch in
        [json!({"enabled": false}), json!({"scopes": ["jobs:read"]}), json!({"enabled": false, "name": "x"}), ends]
    {
        let answer = admin.patch(&path(&admin), patch).await;
        assert_eq!((answer.code(), answer.problem()), (409, "conflict"), "KEY-10");
    }
    let own = json!({"name": "me", "scopes": ["admin", "jobs:read"], "rate_limit": 600, "enabled": true});
    admin.patch(&path(&admin), own).await.expect(200);
}
