//! Requests that come before the answers of those before them: one is served after the other.

use super::{get, request};
use dalston_gateway::ServerLimits;
use kit::{
    app::{App, Start},
    patience::{eventually, patiently},
    process::files,
    raw::Raw,
    scribe::{Scribe, Turn},
    wav,
};
use serde_json::json;
use std::{cell::Cell, net::SocketAddr};

/// The codes of the answers to these requests, which come in pieces of this size.
async fn codes(address: SocketAddr, requests: &[(String, u16)], size: usize) -> Vec<u16> {
    let mut raw = Raw::connect(address).await;
    let all: String = requests.iter().map(|(request, _)| request.as_str()).collect();
    for piece in all.as_bytes().chunks(size) {
        raw.send(piece).await;
    }
    let mut codes = Vec::new();
    for _ in requests {
        codes.push(raw.reply().await.code);
    }
    codes
}

#[tokio::test]
async fn requests_are_answered_in_order_however_they_are_cut() {
    let app = App::start().await;
    let secret = app.key("admin").await.secret.unwrap();
    let post = |path: &str, body: &str, chunk: usize| {
        let head = request("POST", path, Some(&secret));
        let head = head.trim_end_matches("\r\n");
        let head = format!("{head}\r\nContent-Type: application/json\r\n");
        if chunk == 0 {
            return format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
        let pieces = body.as_bytes().chunks(chunk);
        let chunks = pieces.map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), str::from_utf8(piece).unwrap()));
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunks.collect::<String>())
    };
    let create = |name: &str| json!({"name": name, "scopes": ["jobs:read"]}).to_string();
    // Blank lines in a body are none of a head.
    let blank = format!("\r\n\r\n\n\n{}\n\n\r\n\r\n", create("blank lines").replace(',', ",\n\n\r\n\r\n"));
    let requests = [
        (get("/health", None), 200),
        (post("/auth/keys", &create("one"), 0), 201),
        (get("/auth/me", None), 401),
        (post("/auth/keys", &create("two"), 1), 201),
        (post("/auth/keys", &blank, 0), 201),
        (post("/auth/keys", &blank, 7), 201),
        ("\r\n\r\n".to_owned() + &get("/auth/me", Some(&secret)), 200),
        (post("/auth/keys", "{}", 0), 422),
        (post("/auth/keys", &" ".repeat(200_000), 0), 413),
    ];
    let wanted: Vec<u16> = requests.iter().map(|(_, code)| *code).collect();
    for size in [3, 17, 1_000, 1_000_000] {
        assert_eq!(codes(app.address, &requests, size).await, wanted, "in pieces of {size}");
    }
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let requests: Vec<(String, u16)> = (0..3_000)
        .map(|turn| match turn % 3 {
            0 => (get("/health", None), 200),
            1 => (get("/auth/me", Some(&secret)), 200),
            _ => (get("/v1/audio/transcriptions", Some(&secret)), 200),
        })
        .collect();
    let answered = codes(app.address, &requests, usize::MAX).await;
    // A limit, if the key has one, is no fault of the connection.
    assert!(answered.iter().all(|code| matches!(code, 200 | 429)), "{answered:?}");
}

#[tokio::test]
async fn what_is_behind_a_request_that_waits_is_answered_after_it() {
    let scribe = Scribe::new(&[Turn::Holds]);
    let app = Start::default().engine(scribe.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("/v1/audio/transcriptions/{}?wait=60", made.json["id"].as_str().unwrap());
    let mut raw = Raw::connect(app.address).await;
    raw.send(get(&job, client.secret.as_deref()) + &get("/auth/me", None).repeat(20)).await;
    scribe.let_go_on(1);
    assert_eq!(raw.reply().await.json["status"], "completed");
    for _ in 0..20 {
        assert_eq!(raw.reply().await.code, 401);
    }
}

#[tokio::test]
async fn a_client_that_goes_while_its_request_waits_frees_its_place() {
    let scribe = Scribe::new(&[Turn::Holds]);
    let app = Start::default()
        .engine(scribe.clone())
        .limits(|limits| ServerLimits { connections: 4, ..limits })
        .start()
        .await;
    let client = app.key("jobs:read,jobs:write").await;
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("/v1/audio/transcriptions/{}?wait=60", made.json["id"].as_str().unwrap());
    // Those that waited to the end would keep the others out for longer than anybody is patient.
    let all = async {
        for _ in 0..50 {
            eventually("there is a place", async || {
                let mut raw = Raw::connect(app.address).await;
                // Whoever has no place may find the connection at its end.
                let (health, job) = (get("/health", None), get(&job, client.secret.as_deref()));
                let _ = raw.try_send(format!("{health}{job}{health}")).await;
                raw.reply().await.code == 200
            })
            .await;
        }
    };
    patiently(all).await;
    scribe.let_go_on(1);
}

#[tokio::test]
async fn an_upload_behind_one_that_waits_is_read_after_it() {
    /// More than the kernel has room for.
    const LARGE: u32 = 24 * 1024 * 1024;
    let scribe = Scribe::new(&[Turn::Holds, Turn::Writes(1)]);
    let app = Start::default().engine(scribe.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let mut body = [part.as_bytes(), &wav::header(LARGE)].concat();
    body.resize(body.len() + LARGE as usize, 0);
    body.extend(b"\r\n--b--\r\n");
    let head = request("POST", "/v1/audio/transcriptions?wait=60", client.secret.as_deref());
    let head = format!(
        "{}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
        head.strip_suffix("\r\n").unwrap(),
        body.len()
    );
    let upload = [head.as_bytes(), &body].concat();
    let mut raw = Raw::connect(app.address).await;
    raw.send(&upload).await;
    eventually("the first is worked on", async || scribe.count() == 1).await;
    let is_sent = Cell::new(false);
    let second = async {
        raw.send(&upload).await;
        is_sent.set(true);
    };
    let first = async {
        // Others are served, and what they ask for is answered: there was time enough to read on.
        for _ in 0..50 {
            assert_eq!(client.get("/v1/audio/transcriptions").await.expect(200).ids().len(), 1);
        }
        assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
        assert!(!is_sent.get(), "the second was read while the first waits");
        scribe.let_go_on(1);
    };
    tokio::join!(second, first);
    for text in ["word 0 word 1", "word 0"] {
        let reply = raw.reply().await;
        assert_eq!((reply.code, &reply.json["result"]["text"]), (201, &json!(text)));
    }
}
