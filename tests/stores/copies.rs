//! Databases that an earlier version left go on working. `tests/copies` holds one of each engine, written by the last
//! version that had one set of migrations, with what is known of it beside it.

use dalston_auth::{Digester, KeyFormat};
use dalston_model::{AuditHash, AuditRecord, Day, KeyState, ManualClock, PageRequest, Timestamp};
use dalston_store::{ChangesResult, Checkpoint};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_redis::{RedisOptions, RedisStore};
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::{JobLeaseRequest, JobStatus, QuotaKind, QuotaOwner, SharedWorkStorage, WorkStorage};
use kit::{
    patience::PATIENCE,
    servers::{postgres_url, redis_url},
};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, sqlite::SqliteConnectOptions};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// Just after the copies were made.
fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(1_796_065_200))
}

/// What is known of a copy.
struct Known(Value);

impl Known {
    fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    fn text(&self, path: &str) -> &str {
        self.0.pointer(path).unwrap().as_str().unwrap()
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, path: &str) -> T {
        self.text(path).parse().unwrap()
    }
}

/// Every kind of thing that the copy holds is there, and goes on.
async fn goes_on(store: &dyn WorkStorage, known: &Known) {
    let (default, acme) = ("default".parse().unwrap(), "acme".parse().unwrap());
    let now: Timestamp = store.now().await.unwrap();
    let (format, digester) = (KeyFormat::default(), Digester::new(None));
    let find = async |name: &str| {
        let secret = format.check(known.text(&format!("/secrets/{name}")).as_bytes()).unwrap();
        store.find_key(&digester.digest(secret)).await.unwrap().unwrap()
    };
    let full = find("full").await.key;
    assert_eq!((full.id, full.state(now)), (known.parsed("/keys/full"), KeyState::Active));
    assert_eq!(full.scopes.to_string(), "jobs:read,jobs:write,realtime,webhooks,nudge");
    assert_eq!(full.rate_limit.map(|limit| limit.get()), Some(600));
    assert_eq!(full.description.unwrap().as_str(), "All that a key may have: «ключ» \"q\"\nsecond line");
    let metadata: Value = serde_json::from_str(&full.metadata.to_string()).unwrap();
    assert_eq!(metadata["big"], u64::MAX);
    assert_eq!((&metadata["f"], &metadata["list"]), (&0.1.into(), &serde_json::json!([])));
    assert!(full.created_by.is_some() && full.expires_at.is_some());
    assert!(find("admin").await.key.is_live_admin(now));
    assert!(matches!(find("revoked").await.key.state(now), KeyState::Revoked { .. }));
    assert_eq!(find("disabled").await.key.state(now), KeyState::Disabled);
    let (before, after) = (find("before").await, find("after").await);
    assert_eq!((before.key.id, after.key.id), (known.parsed("/keys/rotated"), known.parsed("/keys/rotated")));
    assert!(before.secret_expires_at.is_some_and(|end| end > now) && after.secret_expires_at.is_none());
    assert_eq!(find("acme").await.key.tenant, acme);

    let usage = store.usage(&default, full.id, Day::from_number(0)).await.unwrap().unwrap();
    assert!(usage.usage_count >= 4, "{usage:?}");
    assert_eq!(store.tenants(&PageRequest::default()).await.unwrap().items.len(), 2);
    assert_eq!(store.retention(&[acme.clone(), default.clone()]).await, Ok(vec![Some(7), None]));
    let quota = store.quota(&QuotaOwner::Key(default.clone(), full.id)).await.unwrap();
    assert_eq!(quota.limits().collect::<Vec<_>>(), [(QuotaKind::Seconds, 3600), (QuotaKind::Jobs, 5)]);
    let quota = store.quota(&QuotaOwner::Tenant(acme.clone())).await.unwrap();
    assert_eq!(quota.limits().collect::<Vec<_>>(), [(QuotaKind::Seconds, 7200), (QuotaKind::Streams, 9)]);
    assert!(!store.metered(&QuotaOwner::Tenant(default.clone()), Day::from_number(0)).await.unwrap().is_empty());

    let job = store.job(&default, known.parsed("/job")).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.language.as_deref(), job.model.as_deref()),
        (JobStatus::Completed, Some("en"), Some("m1"))
    );
    assert_eq!(store.job(&acme, known.parsed("/acme_job")).await.unwrap().unwrap().status, JobStatus::Completed);
    let hooks = store.webhooks(&default, &PageRequest::default()).await.unwrap().items;
    assert_eq!(hooks.len(), 2);
    let deliveries = store.deliveries(&default, known.parsed("/webhook"), &PageRequest::default()).await.unwrap();
    assert_eq!(deliveries.items.len(), 1);

    let records = store.audit_after(0, 1_000).await.unwrap();
    let mut previous = AuditHash::START;
    for record in &records {
        assert_eq!(record.hash, Some(record.link(previous)), "{record:?}");
        previous = record.link(previous);
    }
    assert!(records.len() > 20);
    let ChangesResult::Changes { changes, checkpoint } = store.key_changes(&Checkpoint::START, 1_000).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((changes.len(), checkpoint.link), (8, Some(previous)));

    // And what is done from now on stands behind it.
    let entry = dalston_model::AuditEntry {
        time: now,
        tenant: default.clone(),
        source: dalston_model::Source::gateway(),
        action: dalston_work::WorkAction::JOB_CREATED,
        target: dalston_work::WorkTarget::Job(job.id).into(),
        detail: serde_json::json!({}),
    };
    let again = dalston_work::Job {
        id: dalston_work::JobId::new(now, &dalston_model::OsEntropy).unwrap(),
        status: JobStatus::Pending,
        completed_at: None,
        ..job
    };
    assert_eq!(store.insert_job(&again, None, &entry).await, Ok(dalston_work::InsertJobOutcome::Inserted));
    let ask = JobLeaseRequest { limit: 9, per_tenant: 9, but: Vec::new(), ttl: Duration::from_mins(1) };
    assert_eq!(store.lease_jobs(&ask).await.unwrap().len(), 1);
    let patch = dalston_model::KeyPatch { enabled: Some(false), ..dalston_model::KeyPatch::default() };
    let guard = dalston_store::UpdatePrecondition { at: now, within: None, keep_admin: true };
    let changed = store.update_key(&default, full.id, &patch, &guard, &entry).await.unwrap();
    assert!(
        matches!(changed, dalston_store::UpdateKeyOutcome::Changed(used) if !used.key.enabled && used.last_used_at.is_some())
    );
    let last: Vec<AuditRecord> = store.audit_after(records.last().unwrap().seq, 10).await.unwrap();
    assert_eq!(last[0].hash, Some(last[0].link(previous)));
    store.close().await;
}

#[tokio::test]
async fn a_copy_of_sqlite_goes_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dalston.db");
    let file = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(false);
    let mut file = file.connect().await.unwrap();
    sqlx::raw_sql(include_str!("../copies/sqlite.sql")).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
    let options = SqliteOptions { path, deadline: PATIENCE };
    let known = Known::read(include_str!("../copies/sqlite.json"));
    // A service that embeds the keys alone may come first; it leaves the work as it is.
    let keys = SqliteStore::open(&options, clock()).await.unwrap();
    dalston_store::KeyStorage::close(&keys).await;
    goes_on(&SqliteStore::open_with_work(&options, clock()).await.unwrap(), &known).await;
}

#[tokio::test]
async fn a_copy_of_postgres_goes_on() {
    let url = postgres_url().await;
    let mut server = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(include_str!("../copies/postgres.sql")).execute(&mut server).await.unwrap();
    server.close().await.unwrap();
    let options = PostgresOptions { url, deadline: PATIENCE, connections: 4 };
    let known = Known::read(include_str!("../copies/postgres.json"));
    let keys = PostgresStore::connect(&options, Some(clock())).await.unwrap();
    dalston_store::KeyStorage::close(&keys).await;
    goes_on(&PostgresStore::connect_with_work(&options, Some(clock())).await.unwrap(), &known).await;
}

#[tokio::test]
async fn a_copy_of_redis_goes_on() {
    let url = redis_url();
    let client = redis::Client::open(url.clone()).unwrap();
    let mut server = client.get_multiplexed_async_connection().await.unwrap();
    for line in include_str!("../copies/redis.jsonl").lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let mut command = redis::cmd(&words[0]);
        command.arg(&words[1..]).exec_async(&mut server).await.unwrap();
    }
    let options = RedisOptions { url, deadline: PATIENCE, connections: 4, allow_volatile: false };
    let known = Known::read(include_str!("../copies/redis.json"));
    let store: SharedWorkStorage = Arc::new(RedisStore::connect(&options, Some(clock())).await.unwrap());
    goes_on(&*store, &known).await;
}

#[tokio::test]
async fn keys_alone_have_tables_of_keys_only() {
    const OF_KEYS: [&str; 9] =
        ["audit", "claims", "key_secrets", "key_usage", "key_usage_days", "keys", "migrations", "notes", "tenants"];
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions { path: folder.path().join("keys.db"), deadline: PATIENCE };
    let store = SqliteStore::open(&options, clock()).await.unwrap();
    dalston_store::KeyStorage::close(&store).await;
    let mut file = SqliteConnectOptions::new().filename(&options.path).connect().await.unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables = sqlx::query(tables).fetch_all(&mut file).await.unwrap();
    let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    let expected: Vec<&str> = OF_KEYS.into_iter().chain(["usage_steps"]).collect();
    assert_eq!(tables, expected);

    let url = postgres_url().await;
    let options = PostgresOptions { url: url.clone(), deadline: PATIENCE, connections: 1 };
    let store = PostgresStore::connect(&options, Some(clock())).await.unwrap();
    dalston_store::KeyStorage::close(&store).await;
    let mut server = PgConnection::connect(&url).await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
    let tables = sqlx::query(tables).fetch_all(&mut server).await.unwrap();
    let tables: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    let mut expected: Vec<&str> =
        OF_KEYS.into_iter().chain(["limit_nodes", "limit_windows", "meta", "usage_steps"]).collect();
    expected.sort_unstable();
    assert_eq!(tables, expected);
}
