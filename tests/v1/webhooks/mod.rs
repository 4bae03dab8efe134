//! `/v1/webhooks`.

mod endpoints;
mod limits;
mod retries;
mod signature;
mod targets;

use kit::{
    app::{App, Start},
    client::Client,
    process::eventually,
    wav,
};
use serde_json::{Value, json};
use std::time::Duration;

const SCOPES: &str = "webhooks,jobs:read,jobs:write";

/// A gateway that delivers, and somebody who has webhooks and jobs.
async fn gateway() -> (App, Client) {
    let app = Start::default().delivers().start().await;
    let client = app.key(SCOPES).await;
    (app, client)
}

/// A new webhook: its id and its secret.
async fn hook(client: &Client, url: &str) -> (String, String) {
    let made = client.post("/v1/webhooks", json!({"url": url})).await.expect(201);
    (made.json["id"].as_str().unwrap().to_owned(), made.secret())
}

/// A job that was cancelled before it ran: an event.
async fn cancelled(client: &Client) -> String {
    let job = client.upload(wav::tone(1), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
    job
}

async fn deliveries(client: &Client, hook: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/webhooks/{hook}/deliveries?limit=100")).await.expect(200);
    page.json.as_array().unwrap().clone()
}

/// The only delivery of a webhook, once so many attempts are over, the last of them at the time of the clock.
async fn tried(app: &App, client: &Client, hook: &str, attempts: u64) -> Value {
    let now = json!(app.clock_now());
    let mut found = Value::Null;
    eventually("the delivery is tried", async || {
        found = deliveries(client, hook).await.pop().unwrap_or_default();
        found["attempts"] == attempts && found["last_at"] == now
    })
    .await;
    found
}

/// Lets time pass, and has the outbox looked into.
fn after(app: &App, seconds: u64) {
    app.clock.advance(Duration::from_secs(seconds));
    app.runtime.services.deliveries.wake();
}
