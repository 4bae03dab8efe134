//! How much, and how slowly.

use super::{PATH, assert_nothing, file, send};
use dalston_gateway::{Pace, ServerLimits};
use kit::{
    app::{App, Start},
    client::Client,
    process::{eventually, files},
    raw::Raw,
    wav,
};
use reqwest::multipart::Form;
use serde_json::json;
use std::time::Duration;

const PART: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";

async fn at_most(bytes: usize) -> (App, Client) {
    let start = Start::default().set("DALSTON_MAX_UPLOAD_BYTES", &bytes.to_string());
    let app = start.limits(|limits| ServerLimits { linger: Duration::from_millis(200), ..limits }).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    (app, client)
}

/// The head of an upload whose body has this length.
fn head(app: &App, client: &Client, framing: &str) -> String {
    let secret = client.secret.as_ref().unwrap();
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {secret}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n{framing}\r\n\r\n",
        app.address
    )
}

#[tokio::test]
async fn an_upload_of_the_greatest_length_is_taken_and_one_byte_more_is_not() {
    let audio = wav::tone(3);
    let (app, client) = at_most(audio.len()).await;
    let over = [&audio[..], &[0]].concat();
    for metadata in [None, Some(json!({"text": "x".repeat(4_000)}).to_string())] {
        let form = |audio: &[u8]| {
            let form = Form::new().part("file", file(audio));
            metadata.iter().fold(form, |form, text| form.text("metadata", text.clone()))
        };
        assert_eq!(send(&client, form(&over)).await.expect(413).problem(), "too_large", "UPL-07");
        assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
        let job = send(&client, form(&audio)).await.expect(201);
        assert_eq!(job.json["size_bytes"], audio.len());
    }
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body() {
    let (app, client) = at_most(1_000_000).await;
    for length in ["2000000", "1073741824", "18446744073709551615"] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(head(&app, &client, &format!("Content-Length: {length}"))).await;
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["code"]), (413, &json!("too_large")), "UPL-07 {length}");
    }
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_arrives() {
    let (app, client) = at_most(100_000).await;
    let mut raw = Raw::connect(app.address).await;
    raw.send(head(&app, &client, "Transfer-Encoding: chunked")).await;
    raw.send(format!("{:x}\r\n{PART}\r\n", PART.len())).await;
    let chunk = [b"8000\r\n", &[0; 0x8000][..], b"\r\n"].concat();
    let reply = raw.flood(&chunk).await;
    assert_eq!((reply.code, &reply.json["code"]), (413, &json!("too_large")), "DOS-04");
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn what_arrives_beside_the_file_is_limited_too() {
    let (app, client) = at_most(1_000).await;
    let mut raw = Raw::connect(app.address).await;
    raw.send(head(&app, &client, "Transfer-Encoding: chunked")).await;
    // A preamble before the first part, which is passed over.
    let chunk = [b"8000\r\n", &[b'x'; 0x8000][..], b"\r\n"].concat();
    let reply = raw.flood(&chunk).await;
    assert_eq!((reply.code, &reply.json["code"]), (413, &json!("too_large")), "UPL-05");
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn an_upload_that_is_dropped_in_the_middle_leaves_nothing() {
    let (app, client) = at_most(10_000_000).await;
    let incoming = app.data.path().join("audio/incoming");
    for framing in ["Content-Length: 5000000", "Transfer-Encoding: chunked"] {
        let mut raws = Vec::new();
        for _ in 0..5 {
            let mut raw = Raw::connect(app.address).await;
            raw.send(head(&app, &client, framing)).await;
            let body = [PART.as_bytes(), &wav::tone(10)].concat();
            match framing.starts_with("Transfer") {
                true => raw.send([format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()).await,
                false => raw.send(body).await,
            }
            raws.push(raw);
        }
        eventually("the uploads are under way", async || files(&incoming).len() == 5).await;
        drop(raws);
        eventually("UPL-06 nothing is left", async || files(&incoming).is_empty()).await;
        assert_nothing(&app, &client).await;
    }
}

#[tokio::test]
async fn a_body_that_drips_is_answered_with_408() {
    let pace = Pace {
        window: Duration::from_millis(50),
        bytes_per_window: 1_000,
        grace: Duration::from_secs(60),
        bytes_per_second: 1,
        ..Pace::default()
    };
    let app = Start::default().pace(pace).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    for begun in ["", PART, &PART[..20]] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(head(&app, &client, "Content-Length: 5000000")).await;
        raw.send(begun).await;
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["code"]), (408, &json!("timeout")), "DOS-02");
        raw.ended().await;
    }
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn the_body_of_a_command_is_there_in_time_or_answered_with_408() {
    // However little arrives, it is enough for an upload.
    let pace = Pace { json: Duration::from_millis(50), bytes_per_window: 0, bytes_per_second: 0, ..Pace::default() };
    let app = Start::default().pace(pace).start().await;
    let secret = app.key("admin").await.secret.unwrap();
    for framing in ["Content-Length: 20", "Transfer-Encoding: chunked"] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(format!(
            "POST /auth/keys HTTP/1.1\r\nHost: {}\r\nX-API-Key: {secret}\r\nContent-Type: application/json\r\n\
             {framing}\r\n\r\n1\r\n \r\n",
            app.address
        ))
        .await;
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["code"]), (408, &json!("timeout")), "DOS-02 {framing}");
        raw.ended().await;
    }
}

#[tokio::test]
async fn an_upload_that_the_disk_has_no_room_for_is_refused_before_the_body() {
    let (app, client) = at_most(1 << 60).await;
    let mut raw = Raw::connect(app.address).await;
    raw.send(head(&app, &client, &format!("Content-Length: {}", 1_u64 << 59))).await;
    let reply = raw.reply().await;
    assert_eq!((reply.code, &reply.json["code"]), (507, &json!("storage_full")), "DOS-04");
    assert_nothing(&app, &client).await;
}
