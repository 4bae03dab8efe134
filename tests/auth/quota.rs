//! Quotas of keys and tenants: who may set them, what they refuse, and what the meter tells.

use kit::{
    app::{App, Start},
    client::Client,
    stores, wav,
};
use reqwest::Method;
use serde_json::{Value, json};

/// A gateway that runs no jobs: they stay as they are.
async fn still() -> App {
    Start::default().set("DALSTON_JOBS_PER_NODE", "0").on(stores::memory().await).start().await
}

async fn put(client: &Client, path: &str, quota: Value) -> kit::client::Answer {
    kit::client::Answer::of(client.request(Method::PUT, path).json(&quota)).await
}

fn of_key(key: &Client) -> String {
    format!("/auth/keys/{}/quota", key.id.unwrap())
}

#[tokio::test]
async fn a_quota_is_set_whole_shown_and_recorded() {
    let app = still().await;
    let (admin, key) = (app.key("admin").await, app.key("jobs:write").await);
    let set = put(&admin, &of_key(&key), json!({"seconds_per_day": 60, "concurrent_jobs": 2})).await.expect(200);
    let shown = json!({
        "seconds_per_day": 60, "seconds_left_today": 60, "concurrent_jobs": 2, "concurrent_streams": null,
    });
    assert_eq!(set.json, shown);
    let usage = admin.get(&format!("/auth/keys/{}/usage", key.id.unwrap())).await.expect(200);
    assert_eq!(usage.json["quota"], shown);
    let record = &admin.get("/v1/audit?action=quota.changed").await.expect(200).json[0];
    assert_eq!(record["target"], json!({"kind": "key", "id": key.id.unwrap().to_string()}));
    assert_eq!(record["detail"]["seconds_per_day"], 60);
    // What is left out is cleared.
    let cleared = put(&admin, &of_key(&key), json!({"concurrent_streams": null})).await.expect(200);
    assert_eq!(cleared.json["seconds_per_day"], Value::Null);
    for wrong in [json!({"seconds_per_day": -1}), json!({"concurrent_jobs": 1_000_001}), json!({"jobs": 1})] {
        put(&admin, &of_key(&key), wrong).await.expect(422);
    }
}

#[tokio::test]
async fn a_tenant_does_not_set_its_own_quota_nor_that_of_a_wider_key() {
    let app = still().await;
    let (admin, platform) = (app.key("admin").await, app.key("platform").await);
    let refused = put(&admin, "/v1/tenants/default/quota", json!({})).await.expect(403);
    assert_eq!(refused.problem(), "insufficient_scope");
    put(&admin, &of_key(&platform), json!({"concurrent_jobs": 0})).await.expect(403);
    put(&platform, "/v1/tenants/default/quota", json!({"concurrent_jobs": 3})).await.expect(200);
    put(&platform, "/v1/tenants/nobody/quota", json!({})).await.expect(404);
    put(&platform, "/v1/tenants/No%20Body/quota", json!({})).await.expect(404);
    let usage = admin.get("/v1/usage").await.expect(200);
    assert_eq!(usage.json["quota"]["concurrent_jobs"], 3);
}

#[tokio::test]
async fn jobs_at_once_are_limited_by_key_and_by_tenant() {
    let app = still().await;
    let (admin, platform) = (app.key("admin").await, app.key("platform").await);
    let (key, other) = (app.key("jobs:write").await, app.key("jobs:write").await);
    put(&admin, &of_key(&key), json!({"concurrent_jobs": 1})).await.expect(200);
    put(&platform, "/v1/tenants/default/quota", json!({"concurrent_jobs": 2})).await.expect(200);
    let first = key.upload(wav::tone(1), "a.wav").await.expect(201);
    let refused = key.upload(wav::tone(1), "a.wav").await.expect(429);
    assert_eq!(refused.problem(), "rate_limited");
    assert_eq!(refused.json["detail"], "Limit of the key exceeded (1 jobs at once)");
    assert_eq!(refused.header("retry-after"), "60");
    other.upload(wav::tone(1), "a.wav").await.expect(201);
    let refused = other.upload(wav::tone(1), "a.wav").await.expect(429);
    assert_eq!(refused.json["detail"], "Limit of the tenant exceeded (2 jobs at once)");
    // One that ends makes room.
    let path = format!("/v1/audio/transcriptions/{}", first.json["id"].as_str().unwrap());
    key.delete(&path).await.expect(200);
    key.upload(wav::tone(1), "a.wav").await.expect(201);
}

#[tokio::test]
async fn a_days_audio_is_reserved_before_given_back_and_there_again_tomorrow() {
    let app = still().await;
    let admin = app.key("admin").await;
    let key = app.key("jobs:write").await;
    put(&admin, &of_key(&key), json!({"seconds_per_day": 3})).await.expect(200);
    let job = key.upload(wav::tone(2), "a.wav").await.expect(201);
    let refused = key.upload(wav::tone(2), "a.wav").await.expect(429);
    assert_eq!(refused.json["detail"], "Audio limit of the key exceeded (3 s/day)");
    // The clock of the tests stands at the start of a day.
    assert_eq!(refused.header("retry-after"), "86400");
    key.upload(wav::tone(1), "a.wav").await.expect(201);
    let usage = admin.get(&format!("/auth/keys/{}/usage", key.id.unwrap())).await.expect(200);
    let today = json!({"jobs": 3.0, "streams": 0.0});
    assert_eq!(usage.json["days"][0]["audio_seconds"], today);
    assert_eq!(usage.json["quota"]["seconds_left_today"], 0);
    assert_eq!(admin.get("/v1/usage").await.expect(200).json["days"][0]["audio_seconds"], today);
    key.delete(&format!("/v1/audio/transcriptions/{}", job.json["id"].as_str().unwrap())).await.expect(200);
    let usage = admin.get("/v1/usage").await.expect(200);
    assert_eq!(usage.json["days"][0]["audio_seconds"], json!({"jobs": 1.0, "streams": 0.0}));
    key.upload(wav::tone(2), "a.wav").await.expect(201);
    app.clock.advance(std::time::Duration::from_hours(24));
    key.upload(wav::tone(3), "a.wav").await.expect(201);
    let days = admin.get("/v1/usage").await.expect(200).json["days"].clone();
    assert_eq!((&days[0]["date"], &days[1]["date"]), (&json!("2026-01-02"), &json!("2026-01-01")));
}
