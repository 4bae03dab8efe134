//! Tests of what only a file can get wrong with work.

use crate::{
    SqliteOptions, SqliteStore,
    tests::{NOW, new_key, options},
};
use dalston_model::{KeyScopes, ManualClock, SeededEntropy, TenantId};
use dalston_work::{
    JobId, JobLease, JobLeaseRequest, JobOptions, JobStatus, JobStore, LeasedJob, NewSession, OpenSessionOutcome,
    QueueStore, SessionId, SessionStore, Worker,
};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// A store of keys and work in its own temporary folder.
pub(crate) async fn scratch() -> (TempDir, SqliteStore, Arc<ManualClock>) {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new(NOW);
    let store = SqliteStore::open_with_work(&options(&folder), clock.clone()).await.unwrap();
    (folder, store, clock)
}

#[tokio::test]
async fn jobs_from_before_the_queue_are_read_and_leased() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dalston.db");
    let before = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut before = before.connect().await.unwrap();
    let rows = "INSERT INTO tenants VALUES ('default', NULL, 0); INSERT INTO jobs \
        SELECT 'job_' || value, 'default', status, NULL, NULL, 1, 'wav', 2.5, NULL, NULL, NULL, NULL, '{}', 0, \
        'master', NULL, NULL, NULL, NULL FROM (SELECT printf('%032x', 1) AS value, 'pending' AS status \
        UNION SELECT printf('%032x', 2), 'running' UNION SELECT printf('%032x', 3), 'cancelling'); \
        PRAGMA user_version = 2";
    for step in [
        include_str!("../../../../migrations/sqlite/keys/0001_keys.sql"),
        include_str!("../../../../migrations/sqlite/work/0001_jobs.sql"),
        include_str!("../../../../migrations/sqlite/keys/0002_audit_and_notes.sql"),
        rows,
    ] {
        sqlx::raw_sql(step).execute(&mut before).await.unwrap();
    }
    before.close().await.unwrap();

    let options = SqliteOptions { path, ..options(&folder) };
    let store = SqliteStore::open_with_work(&options, ManualClock::new(NOW)).await.unwrap();
    let tenant = TenantId::default();
    assert_eq!(store.retention(std::slice::from_ref(&tenant)).await, Ok(vec![None]));
    let job = |number: u8| format!("job_{number:032x}").parse::<JobId>().unwrap();
    let first = store.job(&tenant, job(1)).await.unwrap().unwrap();
    assert_eq!((first.options, first.progress), (JobOptions::default(), None));

    let ask = JobLeaseRequest { limit: 10, per_tenant: 10, but: Vec::new(), ttl: Duration::from_mins(1) };
    let lease = |number, fence| JobLease { tenant: TenantId::default(), job: job(number), fence };
    let leases = |leased: Vec<LeasedJob>| leased.into_iter().map(|it| it.lease).collect::<Vec<_>>();
    assert_eq!(leases(store.lease_jobs(&ask).await.unwrap()), [lease(1, 1)]);
    // No worker holds the other jobs any more.
    let moved = store.reclaim_jobs(3, "the node is gone", NOW, 10).await.unwrap();
    let moved: Vec<_> = moved.into_iter().map(|job| (job.id, job.status)).collect();
    assert_eq!(moved, [(job(2), JobStatus::Pending), (job(3), JobStatus::Cancelled)]);
    assert_eq!(leases(store.lease_jobs(&ask).await.unwrap()), [lease(2, 1)]);
}

#[tokio::test]
async fn lapsed_sessions_and_workers_do_not_pile_up() {
    let (_folder, store, clock) = scratch().await;
    let (_, entry) = new_key(1, KeyScopes::ADMIN);
    let second = Duration::from_secs(1);
    let worker = |number: u64| Worker {
        id: format!("w{number}").parse().unwrap(),
        tenant: None,
        url: "ws://127.0.0.1:1".to_owned(),
        models: Vec::new(),
        languages: Vec::new(),
        capacity: 1,
    };
    let session = |number| NewSession {
        id: SessionId::new(NOW, &SeededEntropy::new(number)).unwrap(),
        tenant: TenantId::default(),
        key: None,
        model: "any".to_owned(),
        language: "auto".to_owned(),
        is_one_of_several: false,
    };
    for number in 0..40 {
        assert_eq!(store.put_worker(&worker(number), second, &entry).await, Ok(true));
        assert!(matches!(
            store.open_session(&session(number), false, &[], second).await,
            Ok(OpenSessionOutcome::Worker(_))
        ));
    }
    clock.advance(second);
    for _ in 0..20 {
        store.put_worker(&worker(0), Duration::ZERO, &entry).await.unwrap();
        store.open_session(&session(0), true, &[], Duration::ZERO).await.unwrap();
    }
    for table in ["SELECT count(*) FROM workers", "SELECT count(*) FROM sessions"] {
        let left: i64 = sqlx::query_scalar(table).fetch_one(&store.readers).await.unwrap();
        assert_eq!(left, 1, "{table}");
    }
}
