//! Listening for changes over a connection that ends, or falls silent.

use dalston_model::{
    Actor, AuditEntry, Clock, Door, Key, KeyAction, KeyDigest, KeyId, KeyScopes, Metadata, OsEntropy, Source,
    SystemClock, Target, TenantId,
};
use dalston_store::{
    ChangeNotifier, ChangesResult, Checkpoint, FeedStore, InsertKeyOutcome, KeyStore, KeyToInsert, StoreError,
    StoreResult,
};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_redis::{RedisOptions, RedisStore};
use kit::{
    line::Line,
    patience::patiently,
    servers::{Redis, postgres_url, redis_url},
};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

async fn postgres(url: &str) -> PostgresStore {
    let options = PostgresOptions { url: url.to_owned(), deadline: Duration::from_secs(20), connections: 2 };
    PostgresStore::connect(&options, None).await.unwrap()
}

async fn redis(url: String) -> RedisStore {
    let options = RedisOptions { url, deadline: Duration::from_secs(20), connections: 2, allow_volatile: false };
    RedisStore::connect(&options, None).await.unwrap()
}

/// A new key in the store.
pub(super) async fn change(store: &(impl KeyStore + ?Sized)) -> KeyId {
    let (time, id) = (SystemClock.now(), KeyId::new(SystemClock.now(), &OsEntropy).unwrap());
    let key = Key {
        id,
        tenant: TenantId::default(),
        prefix: "dk_0123456".to_owned(),
        name: "sample".parse().unwrap(),
        description: None,
        scopes: KeyScopes::DEFAULT,
        rate_limit: None,
        enabled: true,
        created_at: time,
        created_by: None,
        expires_at: None,
        revoked_at: None,
        metadata: Metadata::default(),
    };
    let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
    let entry = AuditEntry {
        time,
        tenant: TenantId::default(),
        source,
        action: KeyAction::KEY_CREATED,
        target: Target::key(id),
        detail: serde_json::json!({}),
    };
    let new = KeyToInsert { key, digest: digest(id) };
    assert_eq!(store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
    id
}

/// The digest of its secret.
pub(super) fn digest(id: KeyId) -> KeyDigest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(id.as_uuid().as_bytes());
    KeyDigest::new(digest)
}

/// How the wait ends.
async fn end(wakes: &mut Box<dyn ChangeNotifier>) -> StoreResult<()> {
    patiently(wakes.next()).await
}

/// It fails, whatever it hears before: as an outage, not as something odd in the store.
async fn fails(wakes: &mut Box<dyn ChangeNotifier>) {
    loop {
        match end(wakes).await {
            Ok(()) => {}
            Err(StoreError::Unavailable(_)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Another is opened, and hears.
async fn hears_again(store: &(impl FeedStore + KeyStore)) {
    // Finds out that other connections have ended too, which ends what was opened before.
    change(store).await;
    let mark = store.checkpoint().await.unwrap();
    let mut wakes = store.notifier().await.unwrap();
    let id = change(store).await;
    assert_eq!(end(&mut wakes).await, Ok(()));
    let heard = store.key_changes(&mark, 10).await.unwrap();
    let ChangesResult::Changes { changes, .. } = heard else { panic!("{heard:?}") };
    assert_eq!(changes.iter().map(|change| change.key.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn a_connection_that_postgres_ends_is_an_error_and_no_silence() {
    let url = postgres_url().await;
    let store = postgres(&url).await;
    let mut wakes = store.notifier().await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(end).fetch_one(&mut other).await.unwrap(), 1);
    fails(&mut wakes).await;
    hears_again(&store).await;
}

#[tokio::test]
async fn a_connection_to_postgres_that_falls_silent_is_an_error_and_no_silence() {
    let url = postgres_url().await;
    let (host, database) = url.split_once('@').unwrap().1.split_once('/').unwrap();
    let line = Line::to(host).await;
    let store = postgres(&format!("postgres://postgres@127.0.0.1:{}/{database}", line.port)).await;
    let mut wakes = store.notifier().await.unwrap();
    line.silence();
    fails(&mut wakes).await;
    // Its pool is silent as well; another node's is not.
    hears_again(&postgres(&url).await).await;
}

#[tokio::test]
async fn a_change_by_whatever_program_wakes_who_listens_to_postgres() {
    let url = postgres_url().await;
    let store = postgres(&url).await;
    change(&store).await;
    let mut wakes = store.notifier().await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("UPDATE keys SET revoked_at = now(), changed = changed + 1").execute(&mut other).await.unwrap();
    assert_eq!(end(&mut wakes).await, Ok(()));
}

#[tokio::test]
async fn a_connection_that_redis_ends_is_an_error_and_no_silence() {
    let server = Redis::start(&[]);
    let store = redis(server.url()).await;
    let mut wakes = store.notifier().await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut other = client.get_multiplexed_async_connection().await.unwrap();
    let kill =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).query_async::<u32>(&mut other).await;
    assert!(kill.unwrap() > 0);
    fails(&mut wakes).await;
    hears_again(&store).await;
}

#[tokio::test]
async fn a_redis_that_falls_silent_is_an_error_and_no_silence() {
    let server = Redis::start(&[]);
    let store = redis(server.url()).await;
    let mut wakes = store.notifier().await.unwrap();
    server.pause();
    fails(&mut wakes).await;
    server.resume();
    hears_again(&store).await;
}

#[tokio::test]
async fn what_redis_keeps_for_who_listens_stays_short() {
    let url = redis_url();
    let store = redis(url.clone()).await;
    let mut wakes = store.notifier().await.unwrap();
    for _ in 0..40 {
        change(&store).await;
    }
    assert_eq!(end(&mut wakes).await, Ok(()));
    let mut other = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    assert_eq!(redis::cmd("XLEN").arg("dalston:wakes").query_async::<u32>(&mut other).await.unwrap(), 16);
    let ChangesResult::Changes { changes, .. } = store.key_changes(&Checkpoint::START, 100).await.unwrap() else {
        panic!()
    };
    assert_eq!(changes.len(), 40, "what changed is asked of the record");
}
