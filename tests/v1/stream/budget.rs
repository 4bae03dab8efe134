//! Limits on streams: how many at once, and how much audio a day.

use dalston_model::{Actor, AuditEntry, Day, Door, Source, Target};
use dalston_work::{MeteredDay, Quota, QuotaKind, QuotaOwner, SharedWorkStorage, WorkAction};
use kit::{
    app::{App, Start},
    client::Client,
    process::eventually,
    socket::Socket,
    stores,
    workers::Echo,
};
use serde_json::json;

async fn gateway() -> (App, SharedWorkStorage) {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    (Start::default().worker(Echo).on(fixture).start().await, store)
}

/// Sets the quota of a key, or of its tenant.
async fn limit(app: &App, store: &SharedWorkStorage, subject: &QuotaOwner, quota: Quota) {
    let entry = AuditEntry {
        time: app.clock_now(),
        tenant: subject.tenant().clone(),
        source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
        action: WorkAction::QUOTA_CHANGED,
        target: Target::tenant(subject.tenant()),
        detail: json!({}),
    };
    assert!(store.set_quota(subject, &quota, &entry).await.unwrap());
}

fn of_key(client: &Client) -> QuotaOwner {
    QuotaOwner::Key("default".parse().unwrap(), client.id.unwrap())
}

/// Milliseconds that were metered today.
async fn metered(app: &App, store: &SharedWorkStorage, subject: &QuotaOwner) -> u64 {
    let today = Day::of(app.clock_now());
    let days: Vec<MeteredDay> = store.metered(subject, today).await.unwrap();
    days.first().map_or(0, |day| day.streams_ms)
}

#[tokio::test]
async fn no_more_streams_are_open_at_once_than_the_key_and_the_tenant_may() {
    let (app, store) = gateway().await;
    let key = app.key("realtime").await;
    let streams = |most| Quota::default().with(QuotaKind::Streams, Some(most));
    limit(&app, &store, &of_key(&key), streams(1)).await;
    let secret = key.secret.as_ref().unwrap();
    let open = Socket::begun(app.address, secret).await;
    let refused = Socket::with(app.address, secret).await.closed().await;
    assert_eq!(refused, (4029, "Limit of the key exceeded (1 streams at once)".to_owned()));
    let tenant = QuotaOwner::Tenant("default".parse().unwrap());
    limit(&app, &store, &tenant, streams(1)).await;
    let other = app.key("realtime").await.secret.unwrap();
    let refused = Socket::with(app.address, &other).await.closed().await;
    assert_eq!(refused, (4029, "Limit of the tenant exceeded (1 streams at once)".to_owned()));
    assert_eq!(metered(&app, &store, &tenant).await, 10_000, "what a refused stream reserved is given back");
    drop(open);
    eventually("it has ended", async || metered(&app, &store, &tenant).await == 0).await;
    Socket::begun(app.address, &other).await;
}

#[tokio::test]
async fn a_stream_is_metered_by_its_audio_and_not_by_the_clock() {
    let (app, store) = gateway().await;
    let key = app.key("realtime").await;
    let mut socket =
        Socket::open(app.address, "?sample_rate=8000&encoding=mulaw", &[("x-api-key", key.secret.as_ref().unwrap())])
            .await
            .unwrap();
    socket.hear().await;
    let subject = of_key(&key);
    assert_eq!(metered(&app, &store, &subject).await, 10_000, "a slice is reserved before");
    for _ in 0..3 {
        socket.play(&[0; 40_000]).await;
        socket.hear().await;
    }
    assert_eq!(metered(&app, &store, &subject).await, 20_000, "and another when it is used up");
    socket.say(r#"{"type":"end"}"#).await;
    socket.until("session.end").await;
    eventually("it is settled", async || metered(&app, &store, &subject).await == 15_000).await;
    assert_eq!(metered(&app, &store, &QuotaOwner::Tenant("default".parse().unwrap())).await, 15_000);
}

#[tokio::test]
async fn a_stream_ends_in_the_middle_when_the_budget_of_the_day_does_and_the_next_is_refused() {
    let (app, store) = gateway().await;
    let key = app.key("realtime").await;
    let subject = of_key(&key);
    limit(&app, &store, &subject, Quota::default().with(QuotaKind::Seconds, Some(12))).await;
    let secret = key.secret.as_ref().unwrap();
    let mut socket = Socket::begun(app.address, secret).await;
    let exceeded = "Audio limit of the key exceeded (12 s/day)";
    for _ in 0..12 {
        socket.play(&[0; 32_000]).await;
        assert_eq!(socket.hear().await["text"], "32000");
    }
    socket.play(&[0; 320]).await;
    let error = json!({"type": "error", "code": "limit_exceeded", "message": exceeded, "recoverable": false});
    assert_eq!(socket.hear().await, error);
    assert_eq!(socket.hear().await["type"], "session.end", "the worker says the rest");
    assert_eq!(socket.closed().await, (4029, exceeded.to_owned()));
    eventually("it is settled", async || metered(&app, &store, &subject).await == 12_000).await;
    assert_eq!(Socket::with(app.address, secret).await.closed().await, (4029, exceeded.to_owned()));
    app.clock.advance(std::time::Duration::from_secs(86_400));
    Socket::begun(app.address, secret).await;
}

#[tokio::test]
async fn streams_at_once_share_what_is_left_of_the_day() {
    let (app, store) = gateway().await;
    let key = app.key("realtime").await;
    limit(&app, &store, &of_key(&key), Quota::default().with(QuotaKind::Seconds, Some(15))).await;
    let secret = key.secret.as_ref().unwrap();
    let (mut first, mut second) = (Socket::begun(app.address, secret).await, Socket::begun(app.address, secret).await);
    assert_eq!(Socket::with(app.address, secret).await.closed().await.0, 4029, "10 and 5 are reserved");
    for _ in 0..5 {
        second.play(&[0; 32_000]).await;
        assert_eq!(second.hear().await["text"], "32000");
    }
    second.play(&[0; 320]).await;
    assert_eq!(second.hear().await["code"], "limit_exceeded");
    first.say(r#"{"type":"end"}"#).await;
    first.until("session.end").await;
    eventually("it is settled", async || metered(&app, &store, &of_key(&key)).await == 5_000).await;
    Socket::begun(app.address, secret).await;
}
