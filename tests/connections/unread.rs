//! Answers that nobody takes: the connection ends, whatever they are of.

use super::{get, patient, request};
use dalston_gateway::ServerLimits;
use kit::{
    app::App,
    client::Answer,
    deaf::Deaf,
    process::eventually,
    raw::{Frame, Raw},
    scribe::{Scribe, Turn},
    socket::{REALTIME, STREAM, Socket},
    wav,
    workers::{Echo, Flood},
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;
use std::time::Duration;

/// How long a client may let its answers wait here.
const WRITE: Duration = Duration::from_millis(300);

async fn gateway() -> App {
    patient(WRITE).start().await
}

#[tokio::test]
async fn pipelined_requests_whose_answers_nobody_takes_end_the_connection() {
    let app = gateway().await;
    let secret = app.key("admin").await.secret.unwrap();
    for (_, request) in [
        ("public", get("/health", None)),
        ("without a body", request("HEAD", "/health", None)),
        ("refused", get("/auth/me", None)),
        ("without a route", get("/nothing", None)),
        ("of another method", request("PUT", "/auth/me", Some(&secret))),
        ("admitted", get("/auth/me", Some(&secret))),
        ("a list", get("/v1/audit?limit=100", Some(&secret))),
        ("short", "GET / HTTP/1.1\n\n".to_owned()),
    ] {
        Deaf::connect(app.address).await.pour(request.repeat(500).as_bytes()).await;
        app.anon().get("/health").await.expect(200);
    }
}

#[tokio::test]
async fn pipelined_bodies_whose_answers_nobody_takes_end_the_connection() {
    let app = gateway().await;
    let secret = app.key("admin").await.secret.unwrap();
    let head = format!(
        "POST /call HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n"
    );
    let body = r#"{"command":"/help"}"#;
    for request in [
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ] {
        Deaf::connect(app.address).await.pour(request.repeat(100).as_bytes()).await;
    }
    app.with(&secret).get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_long_answer_that_nobody_takes_ends_the_connection() {
    let app = patient(WRITE).engine(Scribe::new(&[Turn::Writes(60_000)])).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("/v1/audio/transcriptions/{}", made.json["id"].as_str().unwrap());
    client.get(&format!("{job}?wait=60")).await.expect(200);
    let secret = client.secret.as_deref();
    for path in [format!("{job}/export/json"), format!("{job}/export/srt"), job] {
        let mut deaf = Deaf::connect(app.address).await;
        deaf.send(get(&path, secret)).await;
        // It does not end while the client takes it, however small its pieces are.
        for _ in 0..50 {
            assert!(deaf.take(1_000).await.unwrap() > 0);
        }
        deaf.aborted().await;
    }
}

#[tokio::test]
async fn events_that_nobody_takes_end_the_connection() {
    let scribe = Scribe::new(&[Turn::Holds]);
    let start = patient(WRITE).limits(|limits| ServerLimits { write: WRITE, send_buffer: 1, ..limits });
    let app = start.engine(scribe.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    // The kernel has room for one of its events and no more.
    let metadata = json!({"text": "x".repeat(4_000)}).to_string();
    let form = Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav")).text("metadata", metadata);
    let asked = client.request(Method::POST, "/v1/audio/transcriptions").multipart(form);
    let made = Answer::of(asked).await.expect(201);
    let job = format!("/v1/audio/transcriptions/{}", made.json["id"].as_str().unwrap());
    let events = get(&format!("{job}/events"), client.secret.as_deref());
    let mut deafs = Vec::new();
    for _ in 0..10 {
        let mut deaf = Deaf::connect(app.address).await;
        deaf.send(&events).await;
        deaf.take_until("event: job").await;
        deafs.push(deaf);
    }
    scribe.let_go_on(1);
    assert_eq!(client.get(&format!("{job}?wait=60")).await.expect(200).json["status"], "completed");
    for deaf in deafs {
        deaf.aborted().await;
    }
    // Many of them, of a job that has ended.
    Deaf::connect(app.address).await.pour(events.repeat(100).as_bytes()).await;
    app.anon().get("/health").await.expect(200);
}

#[tokio::test]
async fn a_client_that_sends_no_more_and_takes_nothing_is_let_go() {
    let app = gateway().await;
    let secret = app.key("admin").await.secret.unwrap();
    let mut deaf = Deaf::connect(app.address).await;
    // The kernel has room for the requests, and none for the answers.
    deaf.send(get("/help", Some(&secret)).repeat(500)).await;
    deaf.half_close().await;
    while deaf.take(1_000).await.is_ok_and(|taken| taken > 0) {}
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_ends_with_its_connection() {
    let app = patient(WRITE).worker(Flood::default()).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    Deaf::upgrade(app.address, STREAM, &secret).await.aborted().await;
    let tenant = dalston_model::TenantId::default();
    let streams = &app.runtime.services.streams;
    eventually("its place is free", async || streams.count(&tenant) == 0).await;
}

#[tokio::test]
async fn pongs_that_nobody_takes_end_the_connection() {
    let app = patient(WRITE).worker(Echo).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let ping = Frame { first: 0x89, masked: true, payload: &[7; 125] }.bytes();
    for path in [STREAM, REALTIME] {
        Deaf::upgrade(app.address, path, &secret).await.pour(&ping.repeat(1_000)).await;
    }
    Socket::begun(app.address, &secret).await;
}

#[tokio::test]
async fn who_takes_all_is_never_cut_off() {
    let app = gateway().await;
    let mut raw = Raw::connect(app.address).await;
    let pipelined = get("/help", Some(&app.key("admin").await.secret.unwrap())).repeat(100);
    raw.send(&pipelined).await;
    for _ in 0..100 {
        assert_eq!(raw.reply().await.code, 200);
    }
}
