//! Who may not upload is told so before the body is read, and can read it.

use super::{PATH, assert_nothing};
use dalston_gateway::ServerLimits;
use kit::{
    app::{App, Start},
    raw::Raw,
    wav,
};
use reqwest::{Body, Method};
use serde_json::json;
use std::time::Duration;

const GIBIBYTE: u64 = 1 << 30;

fn head(app: &App, credential: &str) -> String {
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: {}\r\n{credential}Content-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {GIBIBYTE}\r\n\r\n",
        app.address
    )
}

/// Lets go soon whoever sends for ever.
async fn impatient() -> App {
    Start::default().limits(|limits| ServerLimits { linger: Duration::from_millis(200), ..limits }).start().await
}

#[tokio::test]
async fn an_upload_without_the_right_is_refused_before_a_byte_of_it_is_sent() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let once = |ask| dalston_auth::NewKey { rate_limit: dalston_model::RateLimit::new(1).ok(), ..ask };
    let limited = app.key_of("default", "jobs:read,jobs:write", once).await;
    limited.get("/auth/me").await.expect(200);
    let bearer = |secret: &Option<String>| format!("Authorization: Bearer {}\r\n", secret.as_ref().unwrap());
    for (credential, status, code) in [
        (String::new(), 401, "missing_credential"),
        ("X-API-Key: dk_wrong\r\n".to_owned(), 401, "invalid_credential"),
        ("X-API-Key: a\r\nX-API-Key: b\r\n".to_owned(), 400, "ambiguous_credential"),
        (bearer(&reader.secret), 403, "insufficient_scope"),
        (bearer(&limited.secret), 429, "rate_limited"),
    ] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(head(&app, &credential)).await;
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["code"]), (status, &json!(code)), "UPL-01");
        assert!(reply.head.contains("connection: close"), "UPL-01 {}", reply.head);
    }
    assert_nothing(&app, &reader).await;
}

#[tokio::test]
async fn a_client_that_is_already_sending_still_reads_the_refusal_and_is_cut_off() {
    let app = impatient().await;
    let head = head(&app, "").replace(&GIBIBYTE.to_string(), &(GIBIBYTE << 10).to_string());
    for _ in 0..3 {
        let mut raw = Raw::connect(app.address).await;
        raw.send(&head).await;
        // It would go on for a tebibyte.
        let reply = raw.flood(&[0; 0x10000]).await;
        assert_eq!((reply.code, &reply.json["code"]), (401, &json!("missing_credential")), "UPL-01");
    }
}

#[tokio::test]
async fn a_chunked_body_that_nobody_reads_ends_with_the_answer() {
    let app = impatient().await;
    let chunk = [&b"10000\r\n"[..], &[0; 0x10000], b"\r\n"].concat();
    for (request, status) in [
        (format!("POST {PATH}"), 401),
        ("POST /auth/keys".to_owned(), 401),
        ("GET /nowhere".to_owned(), 401),
        ("GET /health".to_owned(), 200),
    ] {
        let head = format!("{request} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", app.address);
        // Neither silence nor a flood keeps the connection.
        let mut silent = Raw::connect(app.address).await;
        silent.send(&head).await;
        assert_eq!(silent.reply().await.code, status, "{request}");
        silent.ended().await;
        let mut raw = Raw::connect(app.address).await;
        raw.send(&head).await;
        assert_eq!(raw.flood(&chunk).await.code, status, "DOS-02 {request}");
    }
}

#[tokio::test]
async fn a_chunked_body_that_was_read_leaves_the_connection_open() {
    let app = App::start().await;
    let secret = app.key("admin").await.secret.unwrap();
    let mut raw = Raw::connect(app.address).await;
    for _ in 0..3 {
        raw.send(format!(
            "POST /auth/keys HTTP/1.1\r\nHost: {}\r\nX-API-Key: {secret}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n8\r\n{{\"name\":\r\n6\r\n\"made\"\r\n1\r\n}}\r\n0\r\n\r\n",
            app.address
        ))
        .await;
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["name"]), (201, &json!("made")));
        kit::log::guard(reply.json["key"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_library_that_is_already_sending_reads_the_refusal_too() {
    let app = Start::default().set("DALSTON_MAX_UPLOAD_BYTES", "1000").start().await;
    for client in [app.anon(), app.key("jobs:read").await, app.key("jobs:write").await] {
        let pieces = (0..64).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 64 * 1024]));
        let request = client
            .request(Method::POST, PATH)
            .header("content-type", "multipart/form-data; boundary=b")
            .header("content-length", 64 * 64 * 1024)
            .body(Body::wrap_stream(futures_util::stream::iter(pieces)));
        let answer = kit::client::Answer::of(request).await;
        assert!(matches!(answer.code(), 401 | 403 | 413), "UPL-01 {}", answer.text);
    }
}

#[tokio::test]
async fn who_has_much_to_send_reads_the_refusal_too() {
    let app = App::start().await;
    // A client that reads nothing before it has sent all.
    let piece = vec![b'\n'; 1 << 20];
    for (credential, code) in [("", 401), ("X-API-Key: dk_wrong\r\n", 401)] {
        let mut raw = Raw::connect(app.address).await;
        raw.send(head(&app, credential).replace(&GIBIBYTE.to_string(), &(120 << 20).to_string())).await;
        for _ in 0..120 {
            raw.send(&piece).await;
        }
        assert_eq!(raw.reply().await.code, code, "{credential}");
        raw.ended().await;
    }
}

#[tokio::test]
async fn who_asks_first_whether_to_send_is_answered_before_sending() {
    let app = Start::default().set("DALSTON_MAX_UPLOAD_BYTES", "1000000").start().await;
    let expects = "Expect: 100-continue\r\n";
    let reader = app.key("jobs:read").await.secret.unwrap();
    let client = app.key("jobs:read,jobs:write").await;
    let writer = client.secret.as_deref().unwrap();
    let as_client = |secret: &str| format!("X-API-Key: {secret}\r\n{expects}");
    for (credential, code) in
        [(expects.to_owned(), 401), (as_client("dk_bad"), 401), (as_client(&reader), 403), (as_client(writer), 413)]
    {
        let mut raw = Raw::connect(app.address).await;
        raw.send(head(&app, &credential)).await;
        assert_eq!(raw.reply().await.code, code, "UPL-01 {credential}");
        raw.ended().await;
    }
    // Refused, or done with, without a body: by any route, and behind a request that was answered.
    for (request, code) in
        [("POST /auth/keys", 401), ("PUT /auth/me", 401), ("POST /openai/v1/nothing", 401), ("GET /health", 200)]
    {
        let request = format!("{request} HTTP/1.1\r\nHost: {}\r\n", app.address);
        let mut raw = Raw::connect(app.address).await;
        raw.send(format!(
            "GET /health HTTP/1.1\r\nHost: {}\r\n\r\n{request}{expects}Content-Length: 9\r\n\r\n",
            app.address
        ))
        .await;
        assert_eq!(raw.reply().await.code, 200);
        assert_eq!(raw.reply().await.code, code, "{request}");
    }

    let body = [
        &b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"[..],
        &wav::tone(1),
        b"\r\n--b--\r\n",
    ]
    .concat();
    let head = head(&app, &as_client(writer)).replace(&GIBIBYTE.to_string(), &body.len().to_string());
    let mut raw = Raw::connect(app.address).await;
    // Twice on one connection.
    for _ in 0..2 {
        raw.send(&head).await;
        assert_eq!(raw.reply().await.code, 100);
        raw.send(&body).await;
        assert_eq!(raw.reply().await.code, 201);
    }
    // Who does not wait is answered either way (RFC 9110 §10.1.1).
    raw.send([head.as_bytes(), &body].concat()).await;
    let first = raw.reply().await.code;
    let last = if first == 100 { raw.reply().await.code } else { first };
    assert_eq!(last, 201);
}
