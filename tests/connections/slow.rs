//! Requests that do not come to their end: the connection ends, whichever request it is.

use super::get;
use dalston_gateway::ServerLimits;
use kit::{
    app::{App, Start},
    raw::Raw,
    scribe::{Scribe, Turn},
    wav,
};
use std::time::Duration;

/// How long a head may take here. The framework counts from a time that may be half a second old.
const HEAD: Duration = Duration::from_secs(1);

fn hasty() -> Start {
    Start::default().limits(|limits| ServerLimits { head: HEAD, ..limits })
}

/// A connection on which a request was answered.
async fn used(app: &App) -> Raw {
    loop {
        let mut raw = Raw::connect(app.address).await;
        raw.send(get("/health", None)).await;
        // A machine that is busy may take longer to send it than a head may take.
        if raw.reply().await.code == 200 {
            return raw;
        }
    }
}

#[tokio::test]
async fn the_first_head_comes_in_time_or_is_answered_with_408() {
    let app = hasty().start().await;
    for text in ["G", "\r\n"] {
        let said = Raw::connect(app.address).await.drip(text.as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "DOS-01 {text:?}: {said}");
    }
    for begun in ["", "GET /hea", "\r\n"] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(begun).await;
        assert_eq!(raw.reply().await.code, 408, "DOS-01 {begun:?}");
        raw.ended().await;
    }
}

#[tokio::test]
async fn a_further_head_comes_in_time_or_the_connection_ends() {
    let app = hasty().start().await;
    for text in ["G", "\r\n"] {
        assert_eq!(used(&app).await.drip(text.as_bytes()).await, "", "DOS-01 {text:?}");
    }
    for begun in ["GET /hea", "\r\n", "GET / HTTP/1.1\r\nA: b\r\n"] {
        let mut raw = used(&app).await;
        raw.send(begun).await;
        raw.ended().await;
    }
}

#[tokio::test]
async fn half_a_head_behind_a_request_that_waits_begins_when_it_is_answered() {
    let scribe = Scribe::new(&[Turn::Holds]);
    let app = hasty().engine(scribe.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("/v1/audio/transcriptions/{}?wait=60", made.json["id"].as_str().unwrap());
    let mut raw = used(&app).await;
    raw.send(get(&job, client.secret.as_deref()) + "GET /hea").await;
    // The time of a head goes by for another connection, and counts nothing for one that waits for us.
    let mut other = used(&app).await;
    other.send("GET /hea").await;
    other.ended().await;
    scribe.let_go_on(1);
    assert_eq!(raw.reply().await.json["status"], "completed");
    raw.ended().await;
}
