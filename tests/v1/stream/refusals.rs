//! Refusals that a browser can read: 101, then a close code, and nothing else.

use dalston_auth::{KeyExpiry, NewKey};
use dalston_model::{Clock, RateLimit, TenantId};
use dalston_work::SessionId;

use dalston_stream::{BuiltinWorker, StreamConfig, WorkerLink};
use kit::{
    app::{App, MASTER, Start},
    log,
    socket::Socket,
    workers::Echo,
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Workers that count how often they were asked.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl BuiltinWorker for Counted {
    fn serve(&self, session: SessionId, config: &StreamConfig) -> WorkerLink {
        self.0.fetch_add(1, Ordering::SeqCst);
        Echo.serve(session, config)
    }
}

/// A gateway whose workers have not been asked for anything when the test ends.
struct Unasked {
    app: App,
    workers: Counted,
}

impl Unasked {
    async fn start(start: Start) -> Self {
        let workers = Counted::default();
        Self { app: start.worker(workers.clone()).start().await, workers }
    }

    /// The close code and its reason after this handshake.
    async fn closed(&self, query: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut socket = Socket::open(self.app.address, query, headers).await.expect("101 comes first");
        socket.closed().await
    }

    async fn closed_for(&self, secret: &str) -> (u16, String) {
        log::guard(secret);
        let header = self.closed("", &[("x-api-key", secret)]).await;
        assert_eq!(self.closed(&format!("?api_key={secret}"), &[]).await, header, "a query is as good as a header");
        header
    }
}

impl Drop for Unasked {
    fn drop(&mut self) {
        assert_eq!(self.workers.0.load(Ordering::SeqCst), 0, "WS-02 a session before admission");
        assert_eq!(self.app.runtime.services.streams.count(&TenantId::default()), 0);
    }
}

fn invalid() -> (u16, String) {
    (4001, "Invalid API key".to_owned())
}

#[tokio::test]
async fn without_a_live_key_the_stream_closes_with_4001() {
    let gateway = Unasked::start(Start::default()).await;
    let app = &gateway.app;
    assert_eq!(gateway.closed("", &[]).await, invalid(), "none");
    let unknown = format!("dk_{}", "a".repeat(43));
    for wrong in ["dk_short", "nonsense", &unknown] {
        assert_eq!(gateway.closed_for(wrong).await, invalid(), "{wrong}");
    }
    let (revoked, disabled) = (app.key("realtime").await, app.key("realtime").await);
    let admin = app.key("admin").await;
    admin.delete(&format!("/auth/keys/{}", revoked.id.unwrap())).await.expect(200);
    admin.patch(&format!("/auth/keys/{}", disabled.id.unwrap()), json!({"enabled": false})).await.expect(200);
    let in_a_minute = |ask| NewKey { ends: KeyExpiry::In(Duration::from_secs(60)), ..ask };
    let expired = app.key_of("default", "realtime", in_a_minute).await;
    app.clock.advance(Duration::from_secs(60));
    for (key, why) in [(revoked, "revoked"), (disabled, "disabled"), (expired, "expired")] {
        assert_eq!(gateway.closed_for(&key.secret.unwrap()).await, invalid(), "{why}");
    }
}

#[tokio::test]
async fn more_than_one_credential_closes_with_4001() {
    let gateway = Unasked::start(Start::default()).await;
    let secret = gateway.app.key("realtime").await.secret.unwrap();
    let (bearer, query) = (format!("Bearer {secret}"), format!("?api_key={secret}"));
    for (query, headers) in [
        ("", &[("authorization", bearer.as_str()), ("x-api-key", &secret)][..]),
        ("", &[("x-api-key", &secret), ("xi-api-key", &secret)]),
        (&query, &[("authorization", &bearer)]),
        (&format!("{query}&api_key={secret}"), &[]),
        ("", &[("authorization", "Bearer")]),
    ] {
        assert_eq!(gateway.closed(query, headers).await, invalid(), "AUTH-03");
    }
}

#[tokio::test]
async fn without_the_scope_the_stream_closes_with_4003() {
    let gateway = Unasked::start(Start::default()).await;
    for scopes in ["jobs:read,jobs:write", "worker", "nudge"] {
        let secret = gateway.app.key(scopes).await.secret.unwrap();
        let wanted = (4003, "Missing 'realtime' scope".to_owned());
        assert_eq!(gateway.closed_for(&secret).await, wanted, "{scopes}");
    }
}

#[tokio::test]
async fn without_room_in_the_minute_the_stream_closes_with_4029() {
    let gateway = Unasked::start(Start::default()).await;
    let once = |ask| NewKey { rate_limit: RateLimit::new(1).ok(), ..ask };
    let key = gateway.app.key_of("default", "realtime", once).await;
    key.get("/auth/me").await.expect(200);
    let wanted = (4029, "Rate limit exceeded".to_owned());
    assert_eq!(gateway.closed_for(&key.secret.unwrap()).await, wanted);
}

#[tokio::test]
async fn too_many_failed_attempts_close_with_4029() {
    let gateway = Unasked::start(Start::default().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "2")).await;
    let wrong = [("x-api-key", "dk_wrong")];
    for code in [4001, 4001, 4029, 4029] {
        assert_eq!(gateway.closed("", &wrong).await.0, code, "BRUTE");
    }
}

#[tokio::test]
async fn the_master_key_is_no_key_in_a_query() {
    let gateway = Unasked::start(Start::default()).await;
    assert_eq!(gateway.closed(&format!("?api_key={MASTER}"), &[]).await, invalid());
    assert_eq!(gateway.closed("", &[("x-api-key", MASTER)]).await, invalid());
}

#[tokio::test]
async fn a_key_in_the_query_is_none_when_that_is_off() {
    let gateway = Unasked::start(Start::default().set("DALSTON_QUERY_KEYS", "off")).await;
    let secret = gateway.app.key("realtime").await.secret.unwrap();
    assert_eq!(gateway.closed(&format!("?api_key={secret}"), &[]).await, invalid(), "AUTH-07");
}

#[tokio::test]
async fn frames_behind_a_refused_handshake_change_nothing() {
    let gateway = Unasked::start(Start::default()).await;
    let mut socket = Socket::open(gateway.app.address, "", &[]).await.unwrap();
    socket.play(&[0; 1_000]).await;
    assert_eq!(socket.closed().await, invalid());
}

#[tokio::test]
async fn what_was_refused_is_counted_and_what_was_admitted_too() {
    let app = Start::default().worker(Echo).start().await;
    let (admin, key) = (app.key("admin").await, app.key("realtime").await);
    let reader = app.key("jobs:read").await;
    drop(Socket::begun(app.address, key.secret.as_ref().unwrap()).await);
    Socket::with(app.address, reader.secret.as_ref().unwrap()).await.closed().await;
    let usage = |id| format!("/auth/keys/{id}/usage");
    let used = admin.get(&usage(key.id.unwrap())).await.expect(200).json;
    assert_eq!(used["usage_count"], 1);
    assert_eq!(used["last_used_at"], app.clock.now().to_string());
    let refused = admin.get(&usage(reader.id.unwrap())).await.expect(200).json;
    assert_eq!(refused["refused"]["insufficient_scope"], 1);
}
