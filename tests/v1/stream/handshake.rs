//! Handshakes that are answered as HTTP: no upgrade, another version, a foreign page, a store that is away.

use dalston_store::contract::Fixture;
use dalston_store_redis::{RedisOptions, RedisStore};
use kit::{
    app::{App, Start},
    patience::PATIENCE,
    raw::Raw,
    servers::Redis,
    socket::{STREAM, Socket},
    stores,
    workers::Echo,
};
use std::sync::Arc;

async fn streaming() -> (App, String) {
    let app = Start::default().worker(Echo).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    (app, secret)
}

#[tokio::test]
async fn a_request_without_an_upgrade_is_answered_as_http() {
    let (app, _) = streaming().await;
    let missing = app.anon().get(STREAM).await.expect(401);
    assert_eq!(missing.problem(), "missing_credential");
    assert!(missing.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(app.with("dk_wrong").get(STREAM).await.expect(401).problem(), "invalid_credential");
    assert_eq!(app.key("jobs:read").await.get(STREAM).await.expect(403).problem(), "insufficient_scope");
    let upgrade = app.key("realtime").await.get(STREAM).await.expect(426);
    assert_eq!(upgrade.problem(), "upgrade_required");
    assert_eq!(upgrade.header("upgrade"), "websocket");
    assert_eq!(upgrade.header("sec-websocket-version"), "13");
}

#[tokio::test]
async fn another_version_of_the_protocol_is_told_which_one_is_spoken() {
    let (app, secret) = streaming().await;
    for version in ["8", "14", "abc"] {
        let headers = [("x-api-key", secret.as_str()), ("sec-websocket-version", version)];
        let refused = Socket::open(app.address, "", &headers).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code, 426, "WS-01 {version}");
        assert_eq!(refused.headers["sec-websocket-version"], "13");
        assert_eq!(refused.headers["upgrade"], "websocket");
    }
}

#[tokio::test]
async fn a_handshake_that_lacks_something_is_answered_as_http_and_the_gateway_lives() {
    let (app, secret) = streaming().await;
    let whole = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for lacking in 0..whole.len() {
        let mut lines = whole.to_vec();
        lines.remove(lacking);
        let mut raw = Raw::connect(app.address).await;
        raw.send(format!(
            "GET {STREAM} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {secret}\r\n{}\r\n\r\n",
            app.address,
            lines.join("\r\n")
        ))
        .await;
        let reply = raw.reply().await;
        assert!((400..500).contains(&reply.code), "WS-01 without {}: {}", whole[lacking], reply.head);
        assert!(reply.head.contains("application/problem+json"), "{}", reply.head);
    }
    Socket::begun(app.address, &secret).await;
}

#[tokio::test]
async fn a_page_of_another_site_may_not_open_a_stream() {
    let start = Start::default().worker(Echo).set("DALSTON_ALLOWED_ORIGINS", "https://app.example.com");
    let app = start.start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let own = format!("http://{}", app.address);
    for origin in [None, Some(own.as_str()), Some("https://app.example.com"), Some("HTTPS://APP.example.com")] {
        let mut headers = vec![("x-api-key", secret.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let mut socket = Socket::open(app.address, "", &headers).await.unwrap();
        assert_eq!(socket.hear().await["type"], "session.begin", "{origin:?}");
    }
    for origin in ["https://evil.example", "http://app.example.com", "https://app.example.com.evil.example", "null"] {
        for key in [Some(secret.as_str()), None] {
            let mut headers = vec![("origin", origin)];
            headers.extend(key.map(|key| ("x-api-key", key)));
            let refused = Socket::open(app.address, "", &headers).await.map(|_| ()).unwrap_err();
            assert_eq!((refused.code, &refused.json["code"]), (403, &"origin_not_allowed".into()), "WS-03 {origin}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_refuses_the_handshake_as_an_outage() {
    let server = Redis::start(&[]);
    let options = RedisOptions { url: server.url(), deadline: PATIENCE, connections: 4, allow_volatile: false };
    let clock = stores::memory().await.clock;
    let store = Arc::new(RedisStore::connect(&options, Some(clock.clone())).await.unwrap());
    let fixture = Fixture { store: store.clone(), limits: Some(store), clock, again: None, keep: Box::new(()) };
    let app = Start::default().worker(Echo).on(fixture).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let mut open = Socket::begun(app.address, &secret).await;
    server.kill();
    let refused = Socket::open(app.address, "", &[("x-api-key", &secret)]).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code, 503);
    assert!(refused.headers.contains_key("retry-after"));
    // Whoever is in stays in: an outage is no revocation.
    app.runtime.tick().await;
    open.play(&[0; 10]).await;
    assert_eq!(open.hear().await["text"], "10");
}
