//! Behind a PgBouncer: it works as without one, or it does not start.

use super::wakes::change;
use dalston_model::TenantId;
use dalston_store::{FeedStore, KeyStorage, KvStore, StoreError, TenantStore};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use kit::servers::{PgBouncer, Postgres};
use std::time::Duration;
use tokio::{task::JoinSet, time::timeout};

/// Far longer than a call takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
    let options = PostgresOptions { url: url.to_owned(), deadline: DEADLINE, connections: 4 };
    PostgresStore::connect(&options, None).await
}

/// A server whose own settings lose what was committed, and the URL of a database there.
async fn careless() -> (Postgres, String) {
    let server = Postgres::start();
    let url = server.database().await;
    let database = url.rsplit_once('/').unwrap().1;
    let sql = format!(
        "ALTER DATABASE {database} SET synchronous_commit = off;
         ALTER DATABASE {database} SET statement_timeout = 0;
         ALTER DATABASE {database} SET default_transaction_isolation = 'serializable';"
    );
    server.run("postgres", &sql).await;
    (server, url)
}

/// Each write looks whether it will be durable and whether its time has a bound: one that would not be fails.
async fn check(server: &Postgres, url: &str) {
    let mut sql = String::new();
    for table in ["audit", "notes", "tenants"] {
        sql += &format!(
            "CREATE FUNCTION check_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 ASSERT current_setting('synchronous_commit') = 'on';
                 ASSERT current_setting('statement_timeout') <> '0';
                 ASSERT current_setting('idle_in_transaction_session_timeout') <> '0';
                 ASSERT current_setting('transaction_isolation') = 'read committed';
                 RETURN NEW;
             END $$;
             CREATE TRIGGER checked BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION check_{table}();"
        );
    }
    server.run(url.rsplit_once('/').unwrap().1, &sql).await;
}

#[tokio::test]
async fn a_pooler_that_keeps_sessions_whole_takes_nothing_away() {
    let (server, url) = careless().await;
    let pooler = PgBouncer::start(&server, "session", "");
    let mut nodes = JoinSet::new();
    for _ in 0..3 {
        let url = pooler.url(&url);
        nodes.spawn(async move { connect(&url).await.unwrap() });
    }
    let nodes = nodes.join_all().await;
    check(&server, &url).await;
    let (one, two) = (&nodes[0], &nodes[1]);
    let mut wakes = two.notifier().await.unwrap();
    change(one).await;
    assert_eq!(timeout(DEADLINE, wakes.next()).await.unwrap(), Ok(()));
    // One statement, without a transaction around it.
    assert_eq!(one.put_entry("note", None, "text", DEADLINE).await, Ok(true));
    assert!(two.tenant(&TenantId::default()).await.unwrap().is_some());
    assert_eq!(one.probe().await, Ok(()));
}

#[tokio::test]
async fn settings_hold_without_a_pooler_too() {
    let (server, url) = careless().await;
    let store = connect(&url).await.unwrap();
    check(&server, &url).await;
    change(&store).await;
    assert_eq!(store.put_entry("note", None, "text", DEADLINE).await, Ok(true));
}

#[tokio::test]
async fn a_pooler_that_takes_sessions_apart_is_refused_in_one_line() {
    let server = Postgres::start();
    let url = server.database().await;
    for (mode, more) in [
        ("transaction", ""),
        ("transaction", "ignore_startup_parameters = extra_float_digits,options"),
        ("transaction", "default_pool_size = 1"),
        ("transaction", "server_round_robin = 1\nmin_pool_size = 2"),
        ("transaction", "server_round_robin = 1\nmin_pool_size = 3"),
        ("statement", ""),
    ] {
        let pooler = PgBouncer::start(&server, mode, more);
        let error = connect(&pooler.url(&url)).await.err().unwrap_or_else(|| panic!("{mode} {more}")).to_string();
        assert!(error.contains("pool_mode=session") && !error.contains('\n'), "{mode} {more}: {error}");
    }
    let tables = "SELECT count(*) FROM pg_class WHERE relname = 'keys'";
    assert_eq!(server.count(url.rsplit_once('/').unwrap().1, tables).await, 0, "nothing was begun");
}
