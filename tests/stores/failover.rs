//! An address that leads to another server: what leads to the old one is used no more, whatever that still says.

use super::wakes::{change, digest};
use dalston_model::{
    Action, Actor, AuditEntry, Clock, Door, KeyAction, KeyId, PageRequest, RateLimit, Source, SystemClock, Target,
    Tenant, TenantId,
};
use dalston_store::{
    ChangesResult, Checkpoint, FeedStore, KeyStorage, LimitStore, RevokeKeyOutcome, StoreError, UpdatePrecondition,
};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_redis::{RedisOptions, RedisStore};
use dalston_work::WorkStorage;
use kit::{
    line::Line,
    process::eventually,
    servers::{Postgres, Redis},
};
use std::time::Duration;
use tokio::{net::TcpListener, time::timeout};

/// Far longer than a call takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

async fn redis(url: String) -> RedisStore {
    let options = RedisOptions { url, deadline: DEADLINE, connections: 4, allow_volatile: false };
    RedisStore::connect(&options, None).await.unwrap()
}

async fn postgres(url: &str) -> PostgresStore {
    let options = PostgresOptions { url: url.to_owned(), deadline: DEADLINE, connections: 4 };
    PostgresStore::connect(&options, None).await.unwrap()
}

fn entry(action: Action, target: Target) -> AuditEntry {
    let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
    let (time, tenant) = (SystemClock.now(), TenantId::default());
    AuditEntry { time, tenant, source, action, target, detail: serde_json::json!({}) }
}

/// A change of the least kind.
async fn write(store: &dyn WorkStorage, id: &str) -> Result<bool, StoreError> {
    let id: TenantId = id.parse().unwrap();
    let entry = entry(KeyAction::TENANT_CREATED, Target::tenant(&id));
    store.insert_tenant(&Tenant { id, name: None, created_at: SystemClock.now() }, &entry).await
}

async fn revoke(store: &dyn WorkStorage, id: KeyId) {
    let guard = UpdatePrecondition { at: SystemClock.now(), within: None, keep_admin: false };
    let entry = entry(KeyAction::KEY_REVOKED, Target::key(id));
    let done = store.revoke_key(&TenantId::default(), id, &guard, &entry).await;
    assert_eq!(done, Ok(RevokeKeyOutcome::Revoked));
}

/// Whether the store says that the key lives.
async fn is_live(store: &dyn WorkStorage, id: KeyId) -> Result<bool, StoreError> {
    Ok(store.find_key(&digest(id)).await?.is_some_and(|found| found.key.revoked_at.is_none()))
}

/// The store uses all of its connections: the pool's, the shared line, and one that listens.
async fn busy(store: &dyn WorkStorage) -> Checkpoint {
    let page = PageRequest::default();
    let (one, two, three) = tokio::join!(store.checkpoint(), store.checkpoint(), store.tenants(&page));
    assert_eq!(one, two);
    three.unwrap();
    one.unwrap()
}

fn is_outage<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

/// What changed after the mark, as soon as the store hears of the key.
async fn hears(store: &dyn WorkStorage, mark: Checkpoint, id: KeyId) {
    eventually("the store hears of the key", async || match store.key_changes(&mark, 100).await {
        Ok(ChangesResult::Changes { changes, .. }) => changes.iter().any(|change| change.key.id == id),
        Ok(ChangesResult::Diverged(_)) => panic!("it is the same record"),
        Err(StoreError::Unavailable(_)) => false,
        Err(error) => panic!("{error}"),
    })
    .await;
}

#[tokio::test]
async fn a_demoted_redis_takes_no_call_away_from_the_new_one() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let store = redis(line.url(&one.url())).await;
    let key = KeyId::from_uuid("550e8400-e29b-41d4-a716-446655440000".parse().unwrap());
    let mut from = (&one, &two);
    for round in 0..4 {
        assert_eq!(write(&store, &format!("before-{round}")).await, Ok(true));
        assert!(store.take(key, RateLimit::new(60).unwrap()).await.unwrap().admitted);
        busy(&store).await;
        let mut wakes = store.notifier().await.unwrap();
        let (old, new) = from;
        new.leads().await;
        line.leads_to(&new.host());
        old.follows(new).await;
        assert_eq!(write(&store, &format!("after-{round}")).await, Ok(true), "not even the first is refused");
        assert!(store.take(key, RateLimit::new(60).unwrap()).await.unwrap().admitted);
        assert_eq!(store.probe().await, Ok(()));
        let heard = timeout(DEADLINE, async { while wakes.next().await.is_ok() {} }).await;
        assert!(heard.is_ok(), "what listens to the old one ends");
        from = (new, old);
    }
}

#[tokio::test]
async fn a_demoted_redis_that_hears_nothing_more_says_nothing_about_keys() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let store = redis(line.url(&one.url())).await;
    let id = change(&store).await;
    let mark = busy(&store).await;
    assert_eq!(is_live(&store, id).await, Ok(true));
    one.is_copied().await;
    two.leads().await;
    one.follows_nobody().await;
    let other = redis(two.url()).await;
    revoke(&other, id).await;
    // The address still leads to the old one: an outage, and neither an answer nor a judgement.
    assert!(is_outage(&store.key_changes(&mark, 100).await));
    assert!(is_outage(&is_live(&store, id).await));
    assert!(is_outage(&store.checkpoint().await));
    assert!(is_outage(&store.probe().await));
    line.leads_to(&two.host());
    assert_eq!(is_live(&store, id).await, Ok(false));
    hears(&store, mark, id).await;
    assert_eq!(store.probe().await, Ok(()));
}

#[tokio::test]
async fn an_old_redis_that_stays_a_primary_is_left_when_the_address_moves() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let store = redis(line.url(&one.url())).await;
    let id = change(&store).await;
    let mark = busy(&store).await;
    one.is_copied().await;
    two.leads().await;
    line.leads_to(&two.host());
    let other = redis(two.url()).await;
    revoke(&other, id).await;
    hears(&store, mark, id).await;
    assert_eq!(is_live(&store, id).await, Ok(false));
    assert_eq!(write(&store, "acme").await, Ok(true));
    assert_eq!(write(&other, "acme").await, Ok(false), "it was written there");
}

/// An old server that stays a primary goes on answering, and each answer says how old it may be.
async fn is_in_doubt_while_the_address_leads_nowhere(store: &dyn WorkStorage, line: &Line, back: &str) {
    let mark = busy(store).await;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    line.leads_to(&nowhere.local_addr().unwrap().to_string());
    let often = Duration::from_millis(10);
    let grows = async || {
        assert!(
            matches!(store.key_changes(&mark, 100).await, Ok(ChangesResult::Changes { .. })),
            "it answers as before"
        );
        store.doubt(often) > 50 * often
    };
    eventually("it was not seen for longer and longer", grows).await;
    line.leads_to(back);
    eventually("it is seen again", async || store.doubt(often) < 50 * often).await;
}

#[tokio::test]
async fn a_redis_is_in_doubt_while_its_address_leads_nowhere() {
    let server = Redis::start(&[]);
    let line = Line::to(&server.host()).await;
    let store = redis(line.url(&server.url())).await;
    is_in_doubt_while_the_address_leads_nowhere(&store, &line, &server.host()).await;
}

#[tokio::test]
async fn a_postgres_is_in_doubt_while_its_address_leads_nowhere() {
    let server = Postgres::start();
    let url = server.database().await;
    let line = Line::to(&server.host()).await;
    let store = postgres(&line.url(&url)).await;
    is_in_doubt_while_the_address_leads_nowhere(&store, &line, &server.host()).await;
}

#[tokio::test]
async fn a_redis_that_is_cut_off_from_the_replicas_that_it_must_have_proves_nothing() {
    let server = Redis::start(&[]);
    let store = redis(server.url()).await;
    let id = change(&store).await;
    let mark = busy(&store).await;
    server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    for _ in 0..2 {
        assert!(is_outage(&store.key_changes(&mark, 100).await));
        assert!(is_outage(&is_live(&store, id).await));
        assert!(is_outage(&write(&store, "acme").await));
        assert!(is_outage(&store.probe().await));
    }
    server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    assert_eq!(is_live(&store, id).await, Ok(true));
    assert_eq!(write(&store, "acme").await, Ok(true));
    assert_eq!(store.probe().await, Ok(()));
}

#[tokio::test]
async fn a_standby_behind_the_address_of_a_postgres_is_an_outage_that_ends_with_it() {
    let (one, two, url) = Postgres::pair().await;
    let line = Line::to(&one.host()).await;
    let store = postgres(&line.url(&url)).await;
    let id = change(&store).await;
    let mark = busy(&store).await;
    for round in 0..3 {
        line.leads_to(&two.host());
        one.end_sessions().await;
        eventually("no session of the primary is used", async || is_outage(&is_live(&store, id).await)).await;
        for _ in 0..3 {
            assert!(is_outage(&write(&store, "acme").await));
            assert!(is_outage(&is_live(&store, id).await));
            assert!(is_outage(&store.key_changes(&mark, 100).await));
            assert!(is_outage(&store.probe().await));
        }
        line.leads_to(&one.host());
        assert_eq!(write(&store, &format!("acme-{round}")).await, Ok(true));
        assert_eq!(is_live(&store, id).await, Ok(true));
        assert_eq!(store.probe().await, Ok(()));
    }
}

#[tokio::test]
async fn a_postgres_that_stays_a_primary_is_left_when_the_address_moves() {
    let (one, two, url) = Postgres::pair().await;
    let line = Line::to(&one.host()).await;
    let store = postgres(&line.url(&url)).await;
    let id = change(&store).await;
    let mark = busy(&store).await;
    let mut wakes = store.notifier().await.unwrap();
    eventually("the standby has it", async || {
        let database = url.rsplit_once('/').unwrap().1;
        two.count(database, "SELECT count(*) FROM keys").await == 1
    })
    .await;
    two.promote().await;
    line.leads_to(&two.host());
    let database = url.rsplit_once('/').unwrap().1;
    let other = postgres(&format!("postgres://postgres@{}/{database}", two.host())).await;
    revoke(&other, id).await;
    hears(&store, mark, id).await;
    assert_eq!(is_live(&store, id).await, Ok(false));
    assert_eq!(write(&store, "acme").await, Ok(true));
    assert_eq!(write(&other, "acme").await, Ok(false), "it was written there");
    let heard = timeout(DEADLINE, async { while wakes.next().await.is_ok() {} }).await;
    assert!(heard.is_ok(), "what listens to the old one ends");
}

#[tokio::test]
async fn a_postgres_that_restarts_costs_each_store_one_call_and_no_more() {
    let mut server = Postgres::start();
    let store = postgres(&server.database().await).await;
    for tenant in ["one", "two", "three"] {
        assert_eq!(write(&store, tenant).await, Ok(true));
        tokio::join!(busy(&store), busy(&store));
        server.restart_fast();
        // The one that finds out. All connections are left with it.
        let _ = write(&store, "four").await;
        for _ in 0..8 {
            assert_eq!(write(&store, tenant).await, Ok(false), "it is there");
        }
    }
}

#[tokio::test]
async fn a_postgres_that_is_set_read_only_is_no_primary() {
    let server = Postgres::start();
    let store = postgres(&server.database().await).await;
    let mark = busy(&store).await;
    server.run("postgres", "ALTER SYSTEM SET default_transaction_read_only = on").await;
    server.run("postgres", "SELECT pg_reload_conf()").await;
    eventually("it counts as no answer", async || is_outage(&store.key_changes(&mark, 100).await)).await;
    assert!(is_outage(&write(&store, "acme").await));
    assert!(is_outage(&store.probe().await));
    server.run("postgres", "ALTER SYSTEM RESET default_transaction_read_only").await;
    server.run("postgres", "SELECT pg_reload_conf()").await;
    eventually("it takes writes again", async || write(&store, "acme").await == Ok(true)).await;
    assert_eq!(store.probe().await, Ok(()));
}
