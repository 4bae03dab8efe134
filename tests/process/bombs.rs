//! Hostile files, against the program as it is shipped: whatever they do to a decoder, the gateway serves on.

use futures_util::stream::{FuturesUnordered, StreamExt};
use kit::{
    bomb::{self, Bomb},
    client::{Answer, Client},
    patience::eventually,
    process::{Launch, Process},
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

const MEBIBYTE: u64 = 1 << 20;

/// Uploads a file at both doors and waits for what becomes of it.
async fn thrown(client: Client, bomb: Bomb) {
    let Bomb { name, bytes } = bomb;
    let answer = client.upload(bytes.clone(), "a.wav").await;
    if answer.code() == 201 {
        let path = format!("/v1/audio/transcriptions/{}", answer.json["id"].as_str().unwrap());
        eventually("it ends", async || {
            let status = client.get(&path).await.expect(200).json["status"].clone();
            status == "failed" || status == "completed"
        })
        .await;
    } else {
        assert!((400..500).contains(&answer.code()), "{name}: {} {}", answer.code(), answer.text);
    }
    let form = Form::new().part("file", Part::bytes(bytes).file_name("a.wav")).text("model", "whisper-1");
    let request = client.request(Method::POST, "/openai/v1/audio/transcriptions").multipart(form);
    let answer = Answer::of(request).await;
    assert!(answer.code() < 500, "{name}: {} {}", answer.code(), answer.text);
}

#[tokio::test]
async fn the_gateway_outlives_every_bomb_at_both_doors_and_does_not_grow() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin = gateway.admin();
    admin.upload(wav::tone(1), "a.wav").await.expect(201);
    let before = gateway.greatest_memory();
    let bombs = bomb::found().into_iter().chain(bomb::others());
    let mut thrown_at: FuturesUnordered<_> = bombs.map(|bomb| thrown(gateway.admin(), bomb)).collect();
    while thrown_at.next().await.is_some() {
        admin.get("/auth/me").await.expect(200);
    }
    let raised = gateway.greatest_memory() - before;
    println!("all bombs raised the memory by {} KiB", raised / 1024);
    assert!(raised < 64 * MEBIBYTE, "{} KiB", raised / 1024);
    admin.upload(wav::tone(1), "a.wav").await.expect(201);
}

/// The job as it is, without waiting.
async fn shown(gateway: &Process, secret: &str, path: &str) -> serde_json::Value {
    gateway.with(secret).get(path).await.expect(200).json
}

/// As if the time of all leases were over.
async fn lapse(launch: &Launch) {
    let path = launch.data().join("dalston.db");
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("UPDATE jobs SET lease_ends = 1 WHERE lease_ends IS NOT NULL").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_job_at_which_the_gateway_was_killed_twice_has_failed() {
    // An engine that works on it for ever.
    let launch = Launch::new().set("PATH", "/usr/bin:/bin").set("DALSTON_ENGINE_COMMAND", "tail -f /dev/null {audio}");
    let mut gateway = launch.start();
    let secret = gateway.admin().secret.unwrap();
    let made = gateway.admin().upload(wav::tone(1), "a.wav").await.expect(201).json;
    let path = format!("/v1/audio/transcriptions/{}", made["id"].as_str().unwrap());
    let lost = json!("The node that worked on it was lost");
    for error in [&json!(null), &lost] {
        eventually("it runs", async || {
            let job = shown(&gateway, &secret, &path).await;
            job["status"] == "running" && job["error"] == *error
        })
        .await;
        gateway.kill();
        lapse(&launch).await;
        gateway = launch.start();
    }
    let ended = gateway.with(&secret).get(&format!("{path}?wait=60")).await.expect(200).json;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("failed"), &lost));
}
