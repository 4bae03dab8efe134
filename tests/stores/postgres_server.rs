//! The store and its server: starts, outages, and what the server's own settings must not change.

use dalston_model::{
    Actor, AuditEntry, AuditHash, Clock, Door, KeyAction, KeyDigest, KeyId, OsEntropy, RateLimit, Source, SystemClock,
    Target, Tenant, TenantId,
};
use dalston_store::{
    AuditQuery, FeedStore, KeyLookup, KeyStorage, KvStore, LimitStore, PoolStats, StoreError, TenantStore,
};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use kit::{
    line::Line,
    patience::PATIENCE,
    servers::{Postgres, postgres_url},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;
use tokio::task::JoinSet;

/// Of a store whose server is frozen. A server that answers does so much sooner.
const DEADLINE: Duration = Duration::from_secs(3);

fn options(url: &str) -> PostgresOptions {
    PostgresOptions { url: url.to_owned(), deadline: DEADLINE, connections: 1 }
}

/// A patient store, for where time is not the point.
async fn store(url: &str) -> PostgresStore {
    let options = PostgresOptions { deadline: PATIENCE, connections: 4, ..options(url) };
    PostgresStore::connect(&options, None).await.unwrap()
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

/// A change of the least kind.
async fn change(store: &PostgresStore, id: &str) -> Result<bool, StoreError> {
    let id: TenantId = id.parse().unwrap();
    let entry = AuditEntry {
        time: SystemClock.now(),
        tenant: id.clone(),
        source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
        action: KeyAction::TENANT_CREATED,
        target: Target::tenant(&id),
        detail: serde_json::json!({}),
    };
    store.insert_tenant(&Tenant { id, name: None, created_at: SystemClock.now() }, &entry).await
}

/// A read of the least kind.
async fn read(store: &PostgresStore) -> Result<(), StoreError> {
    store.find_key(&KeyDigest::new([0; 32])).await.map(|found| assert_eq!(found, None))
}

fn is_outage<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn several_nodes_start_at_once_on_an_empty_database() {
    let url = postgres_url().await;
    let mut nodes = JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        nodes.spawn(async move { store(&url).await.tenant(&TenantId::default()).await.unwrap().unwrap() });
    }
    let tenants = nodes.join_all().await;
    assert!(tenants.iter().all(|tenant| *tenant == tenants[0]));
    assert!(change(&store(&url).await, "acme").await.unwrap());
    assert_eq!(store(&url).await.checkpoint().await.unwrap().seq, 1, "another start changes nothing");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let url = postgres_url().await;
    store(&url).await.close().await;
    run(&url, "UPDATE migrations SET steps = 999 WHERE name = 'keys'".to_owned()).await;
    let reason = PostgresStore::connect(&options(&url), None).await.err().unwrap();
    assert_eq!(reason, StoreError::Corrupt("keys version 999 is newer than this program".to_owned()));

    // One of the time when all tables had one number.
    let url = postgres_url().await;
    let before =
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY); INSERT INTO _sqlx_migrations VALUES (999)";
    run(&url, before.to_owned()).await;
    let reason = PostgresStore::connect(&options(&url), None).await.err().unwrap();
    assert_eq!(reason, StoreError::Corrupt("schema version 999 is newer than this program".to_owned()));
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let there = postgres_url().await;
    let server = there.split_once('@').unwrap().1;
    for url in [
        "postgres://user:hunter2@127.0.0.1:1/dalston",
        "postgres://user:hunter2@127.0.0.1:port/dalston",
        "postgres://user:hunter2@nowhere.invalid/dalston?sslmode=wrong",
        &format!("postgres://nobody:hunter2@{server}"),
        &format!("postgres://postgres:hunter2@{server}_not"),
    ] {
        let error = PostgresStore::connect(&options(url), None).await.err().unwrap();
        assert!(is_outage(Err::<(), _>(error.clone())), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn changes_wait_for_the_disk_and_counts_do_not_whatever_the_server_says() {
    let url = postgres_url().await;
    store(&url).await.close().await;
    let database = url.rsplit_once('/').unwrap().1;
    let mut sql = format!(
        "ALTER DATABASE {database} SET synchronous_commit = off;
         ALTER DATABASE {database} SET default_transaction_isolation = 'serializable';"
    );
    for (table, expected) in [("audit", "on"), ("limit_windows", "off")] {
        sql += &format!(
            "CREATE FUNCTION check_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 ASSERT current_setting('synchronous_commit') = '{expected}';
                 ASSERT current_setting('transaction_isolation') = 'read committed';
                 RETURN NEW;
             END $$;
             CREATE TRIGGER checked BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION check_{table}();"
        );
    }
    run(&url, sql).await;
    let store = store(&url).await;
    let key = KeyId::new(SystemClock.now(), &OsEntropy).unwrap();
    for tenant in ["one", "two"] {
        assert!(store.take(key, RateLimit::new(60).unwrap()).await.unwrap().admitted);
        assert!(change(&store, tenant).await.unwrap());
    }
}

#[tokio::test]
async fn the_servers_clock_decides_when_none_is_given() {
    let url = postgres_url().await;
    let store = store(&url).await;
    let key = KeyId::new(SystemClock.now(), &OsEntropy).unwrap();
    let taken = store.take(key, RateLimit::new(1).unwrap()).await.unwrap();
    assert!(taken.frees_in > Duration::from_mins(1) && taken.frees_in <= Duration::from_secs(61));
    let made = store.tenant(&TenantId::default()).await.unwrap().unwrap().created_at;
    assert!(SystemClock.now().since(made) < Duration::from_mins(10) && made <= SystemClock.now());
}

#[tokio::test]
async fn a_probe_asks_for_a_new_connection() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&options(&server.database().await), None).await.unwrap();
    assert_eq!(store.probe().await, Ok(()));
    server.pause();
    assert_eq!(read(&store).await, Ok(()), "an old connection is served");
    assert!(is_outage(store.probe().await));
    server.resume();
    assert_eq!(store.probe().await, Ok(()));
}

#[tokio::test]
async fn a_server_that_takes_no_writes_fails_the_probe() {
    let url = postgres_url().await;
    let store = store(&url).await;
    let database = url.rsplit_once('/').unwrap().1;
    run(&url, format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    assert!(is_outage(store.probe().await));
}

#[tokio::test]
async fn a_restarted_server_is_found_again_with_all_that_was_acknowledged() {
    let mut server = Postgres::start();
    let store = PostgresStore::connect(&options(&server.database().await), None).await.unwrap();
    for tenant in ["one", "two", "three"] {
        assert_eq!(change(&store, tenant).await, Ok(true));
        server.kill();
        // A back-end outlives its postmaster by a moment.
        while read(&store).await.is_ok() {}
        assert!(is_outage(change(&store, "none").await));
        server.restart();
        assert_eq!(read(&store).await, Ok(()));
        assert_eq!(change(&store, tenant).await, Ok(false), "it is there");
    }
    assert_eq!(store.checkpoint().await.unwrap().seq, 3);
}

#[tokio::test]
async fn a_change_that_cannot_begin_ends_in_time_and_leaves_nothing() {
    let url = postgres_url().await;
    let store = PostgresStore::connect(&options(&url), None).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE meta SET value = value").execute(&mut other).await.unwrap();
    assert!(is_outage(change(&store, "acme").await));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(change(&store, "acme").await, Ok(true));
    assert_eq!(store.checkpoint().await.unwrap().seq, 1);
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_replaced() {
    let url = postgres_url().await;
    let (host, database) = url.split_once('@').unwrap().1.split_once('/').unwrap();
    let line = Line::to(host).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/{database}", line.port);
    let store = PostgresStore::connect(&options(&url), None).await.unwrap();
    assert_eq!(read(&store).await, Ok(()));
    line.silence();
    assert!(is_outage(read(&store).await));
    // The only place in the pool is free again a deadline later, in which this one waits for it.
    let _ = read(&store).await;
    assert_eq!(read(&store).await, Ok(()));
}

#[tokio::test]
async fn records_from_before_the_chain_stay_and_it_begins_behind_them() {
    let url = postgres_url().await;
    let store = store(&url).await;
    let rows = "INSERT INTO audit SELECT n, now(), 'default', 'master', NULL, 'http',
            CASE WHEN n % 2400 = 1 THEN 'key.created' ELSE 'key.updated' END, 'key', '', NULL, NULL, '{}'
            FROM generate_series(1, 5000) AS n;
        UPDATE meta SET value = 5000";
    run(&url, rows.to_owned()).await;
    for id in ["a", "b"] {
        assert_eq!(change(&store, id).await, Ok(true));
    }
    let records = store.audit_after(4_999, 10).await.unwrap();
    assert_eq!(records[0].hash, None);
    let first = records[1].link(AuditHash::START);
    assert_eq!((records[1].hash, records[2].hash), (Some(first), Some(records[2].link(first))));

    // No call looks at more than it may, and a walk still sees all.
    let (actor, action) = (Some(Actor::Master), Some(KeyAction::KEY_CREATED));
    let mut query = AuditQuery { actor, action, limit: 10, ..AuditQuery::default() };
    let (mut found, mut ends) = (Vec::new(), Vec::new());
    loop {
        let page = store.audit(&query).await.unwrap();
        found.extend(page.records.iter().map(|record| record.seq));
        query.before = page.next;
        let Some(next) = page.next else { break };
        ends.push(next);
    }
    assert_eq!((found, ends), (vec![4_801, 2_401, 1], vec![3_001, 1_001]));
}

#[tokio::test]
async fn lapsed_notes_do_not_pile_up() {
    let url = postgres_url().await;
    let store = store(&url).await;
    for number in 0..20 {
        assert!(store.put_entry(&number.to_string(), None, "text", Duration::ZERO).await.unwrap());
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn the_pool_counts_its_connections() {
    let store = store(&postgres_url().await).await;
    let PoolStats { open, idle, max } = store.pool().unwrap();
    assert!(idle <= open && open <= max && max == 4 && open > 0, "{open} {idle} {max}");
}
