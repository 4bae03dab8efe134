//! A session: begun, carrying audio and messages, ended by either side or by the end of its key.

use dalston_model::KeyPatch;
use kit::{
    app::{App, MASTER, Start},
    process::eventually,
    raw::{Frame, Raw},
    socket::{STREAM, Socket},
    workers::{Echo, Flood},
};
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

async fn streaming() -> (App, String) {
    let app = Start::default().worker(Echo).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    (app, secret)
}

#[tokio::test]
async fn a_session_begins_carries_audio_and_ends() {
    let (app, secret) = streaming().await;
    for (query, headers) in [
        (String::new(), vec![("authorization", format!("Bearer {secret}"))]),
        (String::new(), vec![("authorization", format!("bearer   {secret}"))]),
        (String::new(), vec![("x-api-key", secret.clone())]),
        (String::new(), vec![("xi-api-key", secret.clone())]),
        (format!("?api_key={secret}"), vec![]),
        (String::new(), vec![("authorization", format!("Bearer {MASTER}"))]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut socket = Socket::open(app.address, &query, &headers).await.unwrap();
        let begin = socket.hear().await;
        assert_eq!(begin["type"], "session.begin");
        let defaults = json!({"language": "auto", "model": "fast", "encoding": "pcm_s16le", "sample_rate": 16_000});
        assert_eq!(begin["config"], defaults);
        for length in [0, 1, 3_200, 64 * 1024] {
            socket.play(&vec![7; length]).await;
            assert_eq!(socket.hear().await, json!({"type": "transcript.partial", "text": length.to_string()}));
        }
        socket.say(r#"{"type":"end"}"#).await;
        assert_eq!(socket.hear().await, json!({"type": "session.end", "session_id": begin["session_id"]}));
        assert_eq!(socket.closed().await.0, 1000);
    }
}

#[tokio::test]
async fn parameters_are_taken_from_the_query_and_unknown_ones_are_passed_over() {
    let (app, secret) = streaming().await;
    let query = "?language=de&model=accurate&encoding=mulaw&sample_rate=8000&from_another_version=1";
    let mut socket = Socket::open(app.address, query, &[("x-api-key", &secret)]).await.unwrap();
    let config = json!({"language": "de", "model": "accurate", "encoding": "mulaw", "sample_rate": 8_000});
    assert_eq!(socket.hear().await["config"], config);
    let query = "?language=&model=&encoding=&sample_rate=";
    let mut socket = Socket::open(app.address, query, &[("x-api-key", &secret)]).await.unwrap();
    let config = json!({"language": "auto", "model": "fast", "encoding": "pcm_s16le", "sample_rate": 16_000});
    assert_eq!(socket.hear().await["config"], config, "what is empty is not asked for");
}

#[tokio::test]
async fn parameters_that_cannot_be_served_are_told_so_and_cost_no_session() {
    let (app, secret) = streaming().await;
    let long = format!("?language={}", "x".repeat(65));
    for (query, wrong) in [
        ("?sample_rate=7999", "sample_rate"),
        ("?sample_rate=48001", "sample_rate"),
        ("?sample_rate=-1", "sample_rate"),
        ("?sample_rate=fast", "sample_rate"),
        ("?encoding=mp3", "encoding"),
        ("?encoding=linear16", "encoding"),
        ("?language=%20", "language"),
        ("?model=a%20b", "model"),
        ("?model=%00", "model"),
        ("?sample_rate=16000&sample_rate=8000", "sample_rate"),
        (&long, "language"),
    ] {
        let mut socket = Socket::open(app.address, query, &[("x-api-key", &secret)]).await.unwrap();
        let error = socket.hear().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid_parameters")), "{query}");
        assert_eq!(error["recoverable"], false);
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{wrong} must be ")), "{query}: {message}");
        assert_eq!(socket.closed().await, (1008, message.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn without_workers_there_is_no_capacity() {
    let app = App::start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let mut socket = Socket::with(app.address, &secret).await;
    let error = json!({"type": "error", "code": "no_capacity", "message": "No workers available"});
    assert_eq!(socket.hear().await, error);
    assert_eq!(socket.closed().await.0, 1013);
}

#[tokio::test]
async fn a_message_that_is_none_is_an_error_and_the_session_goes_on() {
    let (app, secret) = streaming().await;
    let mut socket = Socket::begun(app.address, &secret).await;
    for garbage in ["", "hello", "{", "[]", "null", "7", "{}", r#"{"type":7}"#, r#"{"type":"reboot"}"#] {
        socket.say(garbage).await;
        let error = socket.hear().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid_message")), "{garbage}");
        assert_eq!(error["recoverable"], true);
    }
    let deep = "[".repeat(50_000);
    socket.say(&deep).await;
    assert_eq!(socket.hear().await["code"], "invalid_message");
    socket.play(&[0; 5]).await;
    assert_eq!(socket.hear().await["text"], "5");
}

#[tokio::test]
async fn a_revocation_on_the_same_node_ends_the_stream_at_once() {
    let app = Start::default().worker(Echo).start().await;
    let (admin, key) = (app.key("admin").await, app.key("realtime").await);
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(Socket::begun(app.address, key.secret.as_ref().unwrap()).await);
    }
    admin.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    for mut socket in sockets {
        assert_eq!(socket.closed().await, (4001, "Invalid API key".to_owned()), "REV-03 without a tick");
    }
}

#[tokio::test]
async fn a_change_of_the_key_on_the_same_node_reaches_the_stream_at_once() {
    let app = Start::default().worker(Echo).start().await;
    let admin = app.key("admin").await;
    for (change, code) in [(json!({"enabled": false}), 4001), (json!({"scopes": ["jobs:read"]}), 4003)] {
        let key = app.key("realtime").await;
        let mut socket = Socket::begun(app.address, key.secret.as_ref().unwrap()).await;
        let path = format!("/auth/keys/{}", key.id.unwrap());
        // What does not concern the stream leaves it open.
        admin.patch(&path, json!({"name": "renamed", "rate_limit": 1})).await.expect(200);
        admin.post(&format!("{path}/rotate"), json!({"overlap_seconds": 0})).await.expect(200);
        socket.play(&[0; 5]).await;
        assert_eq!(socket.hear().await["text"], "5");
        admin.patch(&path, change).await.expect(200);
        assert_eq!(socket.closed().await.0, code, "REV-03");
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_key_does() {
    let (app, secret) = streaming().await;
    let ending = app
        .key_of("default", "realtime", |ask| dalston_auth::NewKey {
            ends: dalston_auth::KeyExpiry::In(Duration::from_secs(60)),
            ..ask
        })
        .await;
    let mut unending = Socket::begun(app.address, &secret).await;
    let mut socket = Socket::begun(app.address, ending.secret.as_ref().unwrap()).await;
    app.pass(Duration::from_secs(60)).await;
    assert_eq!(socket.closed().await.0, 4001, "KEY-08");
    unending.play(&[0; 5]).await;
    assert_eq!(unending.hear().await["text"], "5");
}

#[tokio::test]
async fn a_client_that_goes_leaves_no_session_behind() {
    let (app, secret) = streaming().await;
    let tenant = dalston_model::TenantId::default();
    let streams = &app.runtime.services.streams;
    let (one, other) = (Socket::begun(app.address, &secret).await, Socket::begun(app.address, &secret).await);
    assert_eq!(streams.count(&tenant), 2);
    drop((one, other));
    eventually("both are closed", async || streams.count(&tenant) == 0).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_no_stream_of_a_revoked_key() {
    let flood = Flood::default();
    let said = flood.said.clone();
    let app = Start::default().worker(flood).start().await;
    let (admin, key) = (app.key("admin").await, app.key("realtime").await);
    let tenant = dalston_model::TenantId::default();
    let streams = &app.runtime.services.streams;
    let socket = Socket::begun(app.address, key.secret.as_ref().unwrap()).await;
    let mut before = 0;
    eventually("nobody takes what the worker says", async || {
        let now = said.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert_eq!(streams.count(&tenant), 1);
    admin.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    eventually("REV-03 it is closed", async || streams.count(&tenant) == 0).await;
    drop(socket);
}

#[tokio::test]
async fn a_client_that_sends_before_it_reads_loses_nothing() {
    let (app, secret) = streaming().await;
    let mut socket = Socket::begun(app.address, &secret).await;
    for length in 0..200 {
        socket.play(&vec![7; length]).await;
    }
    for length in 0..200 {
        assert_eq!(socket.hear().await["text"], length.to_string());
    }
}

#[tokio::test]
async fn a_stream_whose_client_says_nothing_ends() {
    let app = Start::default().worker(Echo).set("DALSTON_STREAM_IDLE_SECONDS", "1").start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let mut socket = Socket::begun(app.address, &secret).await;
    assert_eq!(socket.hear().await["type"], "session.end", "the worker says the rest");
    assert_eq!(socket.closed().await.0, 1000);
    // Pings and pongs are no messages.
    let mut raw = Raw::upgrade(app.address, STREAM, &secret).await;
    let control = [0x89, 0x8a].map(|first| Frame { first, masked: true, payload: b"" }.bytes()).concat();
    let chatter = async {
        loop {
            raw.try_send(&control).await?;
            tokio::task::yield_now().await;
        }
    };
    let tenant = dalston_model::TenantId::default();
    let streams = &app.runtime.services.streams;
    let ended = eventually("its place is free", async || streams.count(&tenant) == 0);
    tokio::select! {
        () = ended => {}
        broken = chatter => { let broken: std::io::Result<()> = broken; assert!(broken.is_err()) }
    }
}

#[tokio::test]
async fn a_platform_key_that_is_none_any_more_keeps_its_stream_in_its_own_tenant_only() {
    let app = Start::default().worker(Echo).start().await;
    app.key_of("other", "jobs:read", |ask| ask).await;
    let key = app.key_of("acme", "platform,realtime", |ask| ask).await;
    let (secret, id) = (key.secret.unwrap(), key.id.unwrap());
    let mut sockets = Vec::new();
    for tenant in ["acme", "other", "default"] {
        let headers = [("x-api-key", secret.as_str()), ("x-dalston-tenant", tenant)];
        let mut socket = Socket::open(app.address, "", &headers).await.unwrap();
        assert_eq!(socket.hear().await["type"], "session.begin");
        sockets.push(socket);
    }
    let change = async |scopes: &str| {
        let patch = KeyPatch { scopes: Some(scopes.parse().unwrap()), ..KeyPatch::default() };
        app.runtime.services.keys.update(&app.permit("acme"), id, &patch).await.unwrap();
    };
    change("platform,realtime,jobs:read").await;
    for socket in &mut sockets {
        socket.play(&[0; 10]).await;
        assert_eq!(socket.hear().await["text"], "10");
    }
    change("realtime").await;
    let [own, elsewhere @ ..] = &mut sockets[..] else { unreachable!() };
    for socket in elsewhere {
        assert_eq!(socket.closed().await.0, 4003);
    }
    own.play(&[0; 20]).await;
    assert_eq!(own.hear().await["text"], "20");
}
