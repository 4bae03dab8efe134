//! `GET /auth/keys/{id}/usage`, and what counts as a use.

use kit::{app::App, client::Client};
use serde_json::{Value, json};
use std::time::Duration;

/// What an admin reads of a key's use.
async fn usage(app: &App, key: &Client) -> Value {
    app.master().get(&format!("/auth/keys/{}/usage", key.id.unwrap())).await.expect(200).json
}

/// No audio.
fn none() -> serde_json::Value {
    json!({"jobs": 0.0, "streams": 0.0})
}

#[tokio::test]
async fn a_key_that_was_never_used_has_no_use() {
    let app = App::start().await;
    let key = app.key("jobs:read").await;
    let expected = json!({
        "id": key.id.unwrap().to_string(),
        "usage_count": 0,
        "last_used_at": null,
        "last_used_from": null,
        "refused": {"rate_limited": 0, "insufficient_scope": 0},
        "days": [],
        "quota": {
            "seconds_per_day": null, "seconds_left_today": null, "concurrent_jobs": null, "concurrent_streams": null,
        },
    });
    assert_eq!(usage(&app, &key).await, expected);
}

#[tokio::test]
async fn admitted_and_refused_requests_are_counted_apart() {
    let app = App::start().await;
    let key = app
        .key_of("default", "jobs:read", |mut ask| {
            ask.rate_limit = Some(4.try_into().unwrap());
            ask
        })
        .await;
    key.get("/auth/me").await.expect(200);
    // What a handler refuses was admitted.
    key.get("/v1/audio/transcriptions?limit=0").await.expect(422);
    key.get("/nowhere").await.expect(404);
    key.get("/auth/keys").await.expect(403);
    for _ in 0..2 {
        key.get("/auth/me").await.expect(429);
    }
    let usage = usage(&app, &key).await;
    assert_eq!(usage["usage_count"], 3);
    assert_eq!(usage["refused"], json!({"rate_limited": 2, "insufficient_scope": 1}));
    assert_eq!(usage["days"], json!([{"date": "2026-01-01", "requests": 3, "audio_seconds": none()}]));
    assert_eq!(usage["last_used_at"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn requests_are_counted_by_day_and_the_last_thirty_days_are_shown() {
    let app = App::start().await;
    let key = app.key("jobs:read").await;
    for requests in [1, 2, 3] {
        for _ in 0..requests {
            key.get("/auth/me").await.expect(200);
        }
        app.clock.advance(Duration::from_secs(86_400));
    }
    let counted = usage(&app, &key).await;
    let expected = json!([
        {"date": "2026-01-01", "requests": 1, "audio_seconds": none()},
        {"date": "2026-01-02", "requests": 2, "audio_seconds": none()},
        {"date": "2026-01-03", "requests": 3, "audio_seconds": none()},
    ]);
    let mut days = counted["days"].as_array().unwrap().clone();
    days.sort_by_key(|day| day["date"].as_str().unwrap().to_owned());
    assert_eq!(json!(days), expected);
    assert_eq!(counted["usage_count"], 6);
    assert_eq!(counted["last_used_at"], "2026-01-03T00:00:00Z");
    app.clock.advance(Duration::from_secs(86_400 * 28));
    let later = usage(&app, &key).await;
    assert_eq!(later["days"], json!([{"date": "2026-01-03", "requests": 3, "audio_seconds": none()}]));
    assert_eq!(later["usage_count"], 6);
}

#[tokio::test]
async fn the_last_use_is_shown_of_the_key_too() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:read").await;
    app.clock.advance(Duration::from_millis(1_500));
    key.get("/auth/me").await.expect(200);
    app.runtime.run_upkeep_once().await;
    let shown = admin.get(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    assert_eq!(shown.json["last_used_at"], "2026-01-01T00:00:01.5Z");
}

#[tokio::test]
async fn who_has_no_live_key_uses_nobodys() {
    let app = App::start().await;
    let key = app.key("jobs:read").await;
    let master = app.master();
    master.patch(&format!("/auth/keys/{}", key.id.unwrap()), json!({"enabled": false})).await.expect(200);
    for _ in 0..3 {
        key.get("/auth/me").await.expect(401);
    }
    assert_eq!(usage(&app, &key).await["usage_count"], 0, "RATE-08");
}

#[tokio::test]
async fn usage_of_another_tenants_key_is_not_found() {
    let app = App::start().await;
    let stranger = app.key_of("other", "admin", |ask| ask).await;
    let key = app.key("jobs:read").await;
    let theirs = stranger.get(&format!("/auth/keys/{}/usage", key.id.unwrap())).await.expect(404);
    let nobodys = stranger.get("/auth/keys/0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d/usage").await.expect(404);
    assert_eq!(theirs.bare(), nobodys.bare(), "TEN-01");
}
