//! The schema, as the steps that made it. Files of `migrations/postgres` are added, never changed.

use crate::{dial::Dialer, error};
use dalston_store::StoreResult;
use sqlx::{
    Connection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use std::time::Duration;

const STEPS: [(i64, &str, &str); 9] = [
    (1, "store", include_str!("../../../migrations/postgres/0001_store.sql")),
    (2, "limits", include_str!("../../../migrations/postgres/0002_limits.sql")),
    (3, "audit and notes", include_str!("../../../migrations/postgres/0003_audit_and_notes.sql")),
    (4, "work", include_str!("../../../migrations/postgres/0004_work.sql")),
    (5, "leases", include_str!("../../../migrations/postgres/0005_leases.sql")),
    (6, "wakes", include_str!("../../../migrations/postgres/0006_wakes.sql")),
    (7, "deaths", include_str!("../../../migrations/postgres/0007_deaths.sql")),
    (8, "nodes", include_str!("../../../migrations/postgres/0008_nodes.sql")),
    (9, "usage steps", include_str!("../../../migrations/postgres/0009_usage_steps.sql")),
];

/// Without bounds on time: a step may take long, and so may another node that takes it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// How long the steps may take, with the wait for another node that takes them.
const PATIENCE: Duration = Duration::from_mins(10);

/// The number of the lock that two nodes which start at once meet at.
const LOCK: i64 = 0x6461_6c73_746f_6e00;

/// Takes the steps that the database lacks, in one transaction: so the lock holds on whatever connection of the server it
/// is, and its settings with it.
pub(crate) async fn run(dialer: &Dialer) -> StoreResult<()> {
    let mut wire = dialer.dial().await.map_err(error::store)?;
    let steps = STEPS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(steps.into());
    migrator.set_locking(false);
    let work = async {
        let mut transaction = wire.begin_with(BEGIN).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
        // Not `run`: its future is not `Send` over a borrowed connection.
        migrator.run_direct(None, &mut *transaction, false).await?;
        Ok::<(), MigrateError>(transaction.commit().await?)
    };
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.map_err(|_| error::late(PATIENCE))?.map_err(error::migration)?;
    wire.close().await;
    Ok(())
}
