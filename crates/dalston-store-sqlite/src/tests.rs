//! Tests of what only a file can get wrong: opening it, sharing it, filling its disk. The contract suite covers the
//! rest.

use crate::{SqliteOptions, SqliteStore};
use dalston_model::{
    Actor, AuditEntry, AuditHash, Door, Key, KeyAction, KeyDigest, KeyId, KeyPatch, KeyScopes, ManualClock, Metadata,
    PageRequest, SeededEntropy, Source, Target, TenantId, Timestamp,
};
use dalston_store::{
    AuditQuery, ChangesResult, Checkpoint, FeedStore, InsertKeyOutcome, KeyLookup, KeyStorage, KeyStore, KeyToInsert,
    KvStore, PoolStats, StoreError, TenantStore, UpdateKeyOutcome, UpdatePrecondition,
};
use sqlx::{
    ConnectOptions, Connection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::{os::unix::fs::PermissionsExt, path::Path, pin::pin, sync::Arc, time::Duration};
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn options(folder: &TempDir) -> SqliteOptions {
    SqliteOptions { path: folder.path().join("data/dalston.db"), deadline: Duration::from_secs(2) }
}

pub(crate) async fn open(options: &SqliteOptions) -> SqliteStore {
    SqliteStore::open(options, ManualClock::new(NOW)).await.unwrap()
}

/// A store in its own temporary folder.
pub(crate) async fn scratch() -> (TempDir, SqliteStore, Arc<ManualClock>) {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new(NOW);
    let store = SqliteStore::open(&options(&folder), clock.clone()).await.unwrap();
    (folder, store, clock)
}

pub(crate) fn new_key(seed: u8, scopes: KeyScopes) -> (KeyToInsert, AuditEntry) {
    let id = KeyId::new(NOW, &SeededEntropy::new(seed.into())).unwrap();
    let key = Key {
        id,
        tenant: TenantId::default(),
        prefix: "dk_0123456".to_owned(),
        name: "a key".parse().unwrap(),
        description: Some("lines\nof it".parse().unwrap()),
        scopes,
        rate_limit: Some(60.try_into().unwrap()),
        enabled: true,
        created_at: NOW,
        created_by: Some(Actor::Operator),
        expires_at: None,
        revoked_at: None,
        metadata: r#"{"b": 1, "a": [0.1, null]}"#.parse::<Metadata>().unwrap(),
    };
    let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
    let (tenant, target) = (key.tenant.clone(), Target::key(id));
    let detail = serde_json::json!({ "name": "a key" });
    let entry = AuditEntry { time: NOW, tenant, source, action: KeyAction::KEY_CREATED, target, detail };
    (KeyToInsert { key, digest: KeyDigest::new([seed; 32]) }, entry)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let (folder, store, _clock) = scratch().await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);
    store.insert_key(&new, None, &entry).await.unwrap();
    let data = folder.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for file in ["dalston.db", "dalston.db-wal", "dalston.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    store.close().await;
    assert!(!data.join("dalston.db-wal").exists(), "the log is moved into the database at the end");
    assert!(matches!(store.checkpoint().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_may_open_a_new_file_at_once() {
    for _ in 0..5 {
        let folder = TempDir::new().unwrap();
        let options = options(&folder);
        let opened: Vec<_> = (0..8)
            .map(|_| {
                let options = options.clone();
                tokio::spawn(async move { open(&options).await })
            })
            .collect();
        for (seed, store) in (1..).zip(opened) {
            let store = store.await.unwrap();
            let (new, entry) = new_key(seed, KeyScopes::ADMIN);
            assert_eq!(store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
            assert_eq!(store.checkpoint().await.unwrap().seq, u64::from(seed));
            store.probe().await.unwrap();
        }
    }
}

#[tokio::test]
async fn opening_waits_for_whoever_writes_a_file_without_a_log() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dalston.db");
    let other = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = other.connect().await.unwrap();
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();

    let options = SqliteOptions { path, ..options(&folder) };
    let mut opening = pin!(SqliteStore::open(&options, ManualClock::new(NOW)));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut opening).await.is_err());
    writing.rollback().await.unwrap();
    opening.await.unwrap().probe().await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let (folder, store, _clock) = scratch().await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);
    store.insert_key(&new, None, &entry).await.unwrap();
    let tenants = store.tenants(&PageRequest::default()).await.unwrap();
    assert_eq!(tenants.items[0].created_at, NOW);
    store.close().await;

    let later = ManualClock::new(NOW.plus(Duration::from_mins(1)));
    let store = SqliteStore::open(&options(&folder), later).await.unwrap();
    let found = store.find_key(&new.digest).await.unwrap().unwrap();
    assert_eq!((found.key, found.secret_expires_at), (new.key, None));
    assert_eq!(store.tenants(&PageRequest::default()).await.unwrap(), tenants);
    let record = store.audit_after(0, 10).await.unwrap().remove(0);
    assert_eq!((record.seq, record.detail), (1, entry.detail));
}

#[tokio::test]
async fn records_from_before_the_chain_stay_and_it_begins_behind_them() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dalston.db");
    let before = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut before = before.connect().await.unwrap();
    let rows = "INSERT INTO tenants VALUES ('default', NULL, 0); \
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
        INSERT INTO audit SELECT n, n, iif(n = 10, 'acme', 'default'), 'master', NULL, 'http', \
        iif(n % 2400 = 1, 'key.created', 'key.updated'), 'key', '', NULL, NULL, '{}' FROM n; PRAGMA user_version = 1";
    for step in [
        include_str!("../../../migrations/sqlite/keys/0001_keys.sql"),
        include_str!("../../../migrations/sqlite/work/0001_jobs.sql"),
        rows,
    ] {
        sqlx::raw_sql(step).execute(&mut before).await.unwrap();
    }
    before.close().await.unwrap();

    let store = open(&SqliteOptions { path, ..options(&folder) }).await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);
    store.insert_key(&new, None, &entry).await.unwrap();
    assert_eq!(store.record(&entry).await, Ok(5_002));
    let records = store.audit_after(4_999, 10).await.unwrap();
    assert_eq!(records[0].hash, None);
    let first = records[1].link(AuditHash::START);
    assert_eq!((records[1].hash, records[2].hash), (Some(first), Some(records[2].link(first))));

    // No call scans more records than the limit, and a walk over all pages still sees every record.
    let mut query = AuditQuery {
        actor: Some(Actor::Master),
        action: Some(KeyAction::KEY_CREATED),
        limit: 10,
        ..AuditQuery::default()
    };
    let (mut found, mut nexts) = (Vec::new(), Vec::new());
    loop {
        let page = store.audit(&query).await.unwrap();
        found.extend(page.records.iter().map(|record| record.seq));
        query.before = page.next;
        let Some(next) = page.next else { break };
        nexts.push(next);
    }
    assert_eq!((found, nexts), (vec![4_801, 2_401, 1], vec![3_001, 1_001]));
    let of_acme = AuditQuery { tenant: Some("acme".parse().unwrap()), limit: 10, ..AuditQuery::default() };
    let page = store.audit(&of_acme).await.unwrap();
    assert_eq!((page.records.len(), page.records[0].seq, page.next), (1, 10, None));
}

#[tokio::test]
async fn lapsed_notes_do_not_pile_up() {
    let (_folder, store, clock) = scratch().await;
    for number in 0..40 {
        assert!(store.put_entry(&number.to_string(), None, "text", Duration::from_secs(1)).await.unwrap());
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..20 {
        store.put_entry("one", None, "text", Duration::ZERO).await.unwrap();
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&store.readers).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn the_pool_counts_its_connections() {
    let (_folder, store, _clock) = scratch().await;
    assert_eq!(store.pool(), Some(PoolStats { open: 0, idle: 0, max: 3 }));
    let writing = store.change().await.unwrap();
    assert_eq!(store.pool(), Some(PoolStats { open: 1, idle: 0, max: 3 }));
    writing.rollback().await.unwrap();
}

#[tokio::test]
async fn a_later_schema_and_a_foreign_file_are_not_touched() {
    let (folder, store, _clock) = scratch().await;
    sqlx::query("PRAGMA user_version = 1000").execute(&store.writer).await.unwrap();
    store.close().await;
    let clock = ManualClock::new(NOW);
    let refused = SqliteStore::open(&options(&folder), clock.clone()).await.err();
    assert!(matches!(&refused, Some(StoreError::Corrupt(why)) if why.contains("schema 1000")), "{refused:?}");

    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(500)).unwrap();
    let refused = SqliteStore::open(&SqliteOptions { path, ..options(&folder) }, clock).await.err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn a_writer_beside_us_is_waited_for_until_the_deadline() {
    let (folder, store, _clock) = scratch().await;
    let hasty = SqliteOptions { deadline: Duration::from_millis(50), ..options(&folder) };
    let hasty = open(&hasty).await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);

    let other = store.change().await.unwrap();
    let refused = hasty.insert_key(&new, None, &entry).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(hasty.find_key(&new.digest).await, Ok(None), "reading waits for nobody");
    drop(other);
    assert_eq!(store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
}

#[tokio::test]
async fn a_full_disk_is_an_outage_that_ends() {
    let (_folder, store, _clock) = scratch().await;
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
    let mut inserted = 0;
    loop {
        let (new, entry) = new_key(inserted, KeyScopes::DEFAULT);
        let Err(error) = store.insert_key(&new, None, &entry).await else {
            inserted += 1;
            continue;
        };
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert_eq!(store.find_key(&new.digest).await, Ok(None));
        assert_eq!(store.checkpoint().await.unwrap().seq, u64::from(inserted));
        // The page limit ended with the connection on which it was set.
        assert_eq!(store.insert_key(&new, None, &entry).await, Ok(InsertKeyOutcome::Inserted));
        assert_eq!(store.checkpoint().await.unwrap().seq, u64::from(inserted) + 1);
        break;
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_is_an_error() {
    let (_folder, store, _clock) = scratch().await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);
    store.insert_key(&new, None, &entry).await.unwrap();
    for (wrong, why) in [("\"ro ot\"", "scopes"), ("[[7]]", "expected")] {
        let odd = sqlx::query("UPDATE keys SET rest = replace(rest, '\"admin\"', ?)").bind(wrong);
        odd.execute(&store.writer).await.unwrap();
        let found = store.find_key(&new.digest).await;
        assert!(
            matches!(&found, Err(StoreError::Corrupt(text)) if text.contains("rest") && text.contains(why)),
            "{found:?}"
        );
        let back = sqlx::query("UPDATE keys SET rest = replace(rest, ?, '\"admin\"')").bind(wrong);
        back.execute(&store.writer).await.unwrap();
    }
    assert_eq!(store.find_key(&new.digest).await.unwrap().unwrap().key, new.key);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_lock_behind() {
    let (_folder, store, _clock) = scratch().await;
    let (new, entry) = new_key(1, KeyScopes::ADMIN);
    store.insert_key(&new, None, &entry).await.unwrap();
    let (tenant, id) = (&new.key.tenant, new.key.id);
    let patch = KeyPatch { rate_limit: Some(None), ..KeyPatch::default() };
    let guard = UpdatePrecondition { at: NOW, within: None, keep_admin: true };
    for micros in 0..300 {
        let update = store.update_key(tenant, id, &patch, &guard, &entry);
        let _ = tokio::time::timeout(Duration::from_micros(micros * 10), update).await;
    }
    let last = store.update_key(tenant, id, &patch, &guard, &entry).await;
    assert!(matches!(last, Ok(UpdateKeyOutcome::Changed(_))), "{last:?}");
    let heard = store.key_changes(&Checkpoint::START, 10).await.unwrap();
    let ChangesResult::Changes { changes, checkpoint } = heard else { panic!("{heard:?}") };
    assert_eq!((changes.len(), changes[0].seq), (1, checkpoint.seq));
    assert_eq!(store.checkpoint().await, Ok(checkpoint));
}

#[tokio::test]
async fn a_database_that_takes_no_more_is_not_ready_until_it_does() {
    let (_folder, mut store, _clock) = scratch().await;
    let add = async |store: &SqliteStore, seed: u8| {
        let (new, entry) = new_key(seed, KeyScopes::ADMIN);
        store.insert_key(&new, None, &entry).await
    };
    assert!(matches!(add(&store, 1).await, Ok(InsertKeyOutcome::Inserted)));
    assert_eq!(store.probe().await, Ok(()));
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.writer).await.unwrap();
    // As many pages as the file has, which acts on the database like a full disk. Then a few more, which small changes
    // fit into.
    for (more, seed) in [(0, 100), (4, 150)] {
        store.writer = writer(&store, pages + more);
        let mut seed = seed;
        while !matches!(add(&store, seed).await, Err(StoreError::Unavailable(_))) {
            seed += 1;
        }
        for _ in 0..3 {
            assert!(matches!(store.probe().await, Err(StoreError::Unavailable(_))), "after a change that failed");
        }
    }
    store.writer = writer(&store, 1_000_000);
    assert_eq!(store.probe().await, Ok(()));
    assert!(matches!(add(&store, 2).await, Ok(InsertKeyOutcome::Inserted)));
    assert_eq!(store.get_entry("ready").await, Ok(None), "it leaves nothing behind");
}

/// A writer pool whose connections limit the file to `pages` pages.
fn writer(store: &SqliteStore, pages: i64) -> SqlitePool {
    let connect = store.connect.clone().pragma("max_page_count", pages.to_string());
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_lazy_with(connect)
}
