//! Handshakes that are answered as HTTP: no upgrade, another version, a foreign page, a store that is away.

use dalston_store_redis::{RedisOptions, RedisStore};
use dalston_work::contract::WorkFixture;
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
    for version in ["7", "8", "14", "abc", "13, 8"] {
        let headers = [("x-api-key", secret.as_str()), ("sec-websocket-version", version)];
        let refused = Socket::open(app.address, "", &headers).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code, 400, "WS-01 {version}");
        assert_eq!(refused.headers["sec-websocket-version"], "13");
    }
}

/// The answer to a handshake of these lines.
async fn answer(app: &App, version: &str, lines: &[&str]) -> (u16, String) {
    let mut raw = Raw::connect(app.address).await;
    raw.send(format!("GET {STREAM} HTTP/{version}\r\nHost: {}\r\n{}\r\n\r\n", app.address, lines.join("\r\n"))).await;
    let reply = raw.reply().await;
    (reply.code, reply.head)
}

const WHOLE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[tokio::test]
async fn a_handshake_that_is_none_is_answered_as_http_and_the_gateway_lives() {
    let (app, secret) = streaming().await;
    let credential = format!("X-API-Key: {secret}");
    for (place, line, code, why) in [
        (0, "", 426, "no upgrade"),
        (0, "Upgrade: h2c", 426, "another upgrade"),
        (0, "Upgrade: websocket\r\nUpgrade: websocket", 426, "two upgrades"),
        (1, "", 400, "a connection that is not upgraded"),
        (1, "Connection: keep-alive", 400, "a connection that stays"),
        (2, "", 400, "no version"),
        (2, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", 400, "two versions"),
        (3, "", 400, "no key"),
        (3, "Sec-WebSocket-Key: dGhl", 400, "a short key"),
        (3, "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==", 400, "a key that is not base64"),
        (3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBsb25n", 400, "a long key"),
        (
            3,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            400,
            "two keys",
        ),
    ] {
        let mut lines = WHOLE.map(str::to_owned);
        line.clone_into(&mut lines[place]);
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        // Who has no key is told that, and nothing of the handshake.
        let (without, _) = answer(&app, "1.1", &lines).await;
        assert_eq!(without, 401, "{why}");
        lines.push(&credential);
        let (with, head) = answer(&app, "1.1", &lines).await;
        assert_eq!(with, code, "WS-01 {why}: {head}");
        assert!(head.contains("application/problem+json") && head.contains("sec-websocket-version: 13"), "{head}");
    }
    let lines = [&WHOLE[..], &[&credential]].concat();
    assert_eq!(answer(&app, "1.0", &lines).await.0, 400, "WS-01 an old HTTP");
    assert_eq!(answer(&app, "1.1", &lines).await.0, 101);
    Socket::begun(app.address, &secret).await;
}

#[tokio::test]
async fn two_origins_are_refused_whatever_they_are() {
    let (app, secret) = streaming().await;
    let (own, evil) = (format!("Origin: http://{}", app.address), "Origin: https://evil.example".to_owned());
    let credential = format!("X-API-Key: {secret}");
    for origins in [[&own, &evil], [&evil, &own], [&own, &own]] {
        let origins = origins.map(String::as_str);
        let lines = [&WHOLE[..], &origins, &[&credential]].concat();
        assert_eq!(answer(&app, "1.1", &lines).await.0, 403, "WS-03 {origins:?}");
    }
    assert_eq!(answer(&app, "1.1", &[&WHOLE[..], &[&own, &credential]].concat()).await.0, 101);
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
    let fixture = WorkFixture { store: store.clone(), limits: Some(store), clock, again: None, keep: Box::new(()) };
    let app = Start::default().worker(Echo).on(fixture).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    let mut open = Socket::begun(app.address, &secret).await;
    server.kill();
    let refused = Socket::open(app.address, "", &[("x-api-key", &secret)]).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code, 503);
    assert!(refused.headers.contains_key("retry-after"));
    // Whoever is in stays in: an outage is no revocation.
    app.runtime.run_upkeep_once().await;
    open.play(&[0; 10]).await;
    assert_eq!(open.hear().await["text"], "10");
}
