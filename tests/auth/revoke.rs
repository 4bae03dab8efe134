//! `DELETE /auth/keys/{id}`.

use futures_util::future::join;
use kit::{app::App, client::Client};
use serde_json::json;
use std::time::Duration;

fn path(client: &Client) -> String {
    format!("/auth/keys/{}", client.id.unwrap())
}

#[tokio::test]
async fn a_revoked_key_is_dead_at_once_and_for_ever() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    key.get("/auth/me").await.expect(200);
    let answer = admin.delete(&path(&key)).await.expect(200);
    assert_eq!(answer.json, json!({"status": "revoked"}));
    key.get("/auth/me").await.expect(401);
    // What counts usage does not bring it back.
    app.runtime.run_upkeep_once().await;
    app.clock.advance(Duration::from_secs(86_400));
    key.get("/auth/me").await.expect(401);
    let revoked = admin.get(&path(&key)).await.expect(200);
    assert_eq!(revoked.json["revoked_at"], "2026-01-01T00:00:00Z", "REV-04");
    assert_eq!(revoked.json["last_used_at"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn to_revoke_again_is_the_same_and_keeps_the_time() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let first = admin.delete(&path(&key)).await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    let again = admin.delete(&path(&key)).await.expect(200);
    assert_eq!(first.bare(), again.bare());
    assert_eq!(admin.get(&path(&key)).await.json["revoked_at"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn one_key_is_revoked_and_no_other() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let (gone, stays) = (app.key("jobs:read").await, app.key("jobs:read").await);
    admin.delete(&path(&gone)).await.expect(200);
    stays.get("/auth/me").await.expect(200);
    admin.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn ones_own_key_is_not_revoked_whoever_one_is() {
    let app = App::start().await;
    for scopes in ["admin", "platform"] {
        let own = app.key(scopes).await;
        app.key("admin").await;
        let answer = own.delete(&path(&own)).await;
        assert_eq!((answer.code(), answer.problem()), (409, "conflict"), "{scopes}");
        own.get("/auth/me").await.expect(200);
    }
}

#[tokio::test]
async fn the_last_admin_key_is_revoked_by_platform_alone() {
    let app = App::start().await;
    let (one, two) = (app.key("admin").await, app.key("admin").await);
    one.delete(&path(&two)).await.expect(200);
    one.delete(&path(&one)).await.expect(409);
    one.patch(&path(&one), json!({"enabled": false})).await.expect(409);
    app.master().delete(&path(&one)).await.expect(200);
    one.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn two_admins_that_revoke_each_other_at_once_leave_one() {
    let app = App::start().await;
    for _ in 0..20 {
        let (one, two) = (app.key_of("other", "admin", |ask| ask).await, app.key_of("other", "admin", |ask| ask).await);
        let (of_one, of_two) = (path(&one), path(&two));
        let (first, second) = join(one.delete(&of_two), two.delete(&of_one)).await;
        let done = [&first, &second].into_iter().filter(|answer| answer.code() == 200).count();
        assert_eq!(done, 1, "KEY-10 {} {}", first.text, second.text);
        let left = if first.code() == 200 { &one } else { &two };
        left.get("/auth/keys").await.expect(200);
        // The next round begins without it.
        let request = app.master().request(reqwest::Method::DELETE, &path(left)).header("x-dalston-tenant", "other");
        kit::client::Answer::of(request).await.expect(200);
    }
}

#[tokio::test]
async fn an_expired_or_disabled_admin_key_is_no_admin_that_is_left() {
    let app = App::start().await;
    let (one, two, three) = (app.key("admin").await, app.key("admin").await, app.key("admin").await);
    one.patch(&path(&two), json!({"enabled": false})).await.expect(200);
    one.patch(&path(&three), json!({"expires_at": "2026-01-01T00:01:00Z"})).await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    // The one that is left is the caller's own.
    one.delete(&path(&one)).await.expect(409);
    one.delete(&path(&two)).await.expect(200);
    one.delete(&path(&three)).await.expect(200);
}

#[tokio::test]
async fn both_secrets_of_a_rotated_key_are_revoked() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let rotated = admin.post(&format!("{}/rotate", path(&key)), json!({"overlap_seconds": 3600})).await.expect(200);
    let new = app.with(&rotated.secret());
    for client in [&key, &new] {
        client.get("/auth/me").await.expect(200);
    }
    admin.delete(&path(&key)).await.expect(200);
    for client in [&key, &new] {
        client.get("/auth/me").await.expect(401);
    }
    admin.post(&format!("{}/rotate", path(&key)), json!({})).await.expect(409);
}

#[tokio::test]
async fn an_admin_revokes_the_keys_of_its_workers_but_not_those_of_the_platform() {
    let app = App::start().await;
    let (admin, worker, platform) = (app.key("admin").await, app.key("worker").await, app.key("platform").await);
    admin.delete(&path(&worker)).await.expect(200);
    worker.get("/auth/me").await.expect(401);
    let refused = admin.delete(&path(&platform)).await.expect(403);
    assert_eq!(refused.json["detail"], "Missing required scope: platform");
    platform.get("/auth/me").await.expect(200);
    app.master().delete(&path(&platform)).await.expect(200);
}

#[tokio::test]
async fn arguments_in_the_wrong_place_are_refused_and_not_passed_over() {
    let app = App::start().await;
    let (admin, key) = (app.key("admin").await, app.key("jobs:read").await);
    let rotate = format!("{}/rotate?overlap_seconds=5", path(&key));
    assert_eq!(
        admin.post(&rotate, serde_json::json!({})).await.expect(422).json["errors"][0]["field"],
        "overlap_seconds"
    );
    key.get("/auth/me").await.expect(200);
    let body = admin.request(reqwest::Method::DELETE, &path(&key)).json(&serde_json::json!({"force": true}));
    kit::client::Answer::of(body).await.expect(400);
    key.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_query_that_a_delete_does_not_know_is_refused_by_name() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    let answer = admin.delete(&format!("{}?force=true", path(&key))).await.expect(422);
    assert_eq!(answer.fields(), ["force"]);
    key.get("/auth/me").await.expect(200);
}
