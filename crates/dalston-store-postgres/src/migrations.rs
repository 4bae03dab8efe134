//! The schema, as the steps that made it. Files of `migrations/postgres` are added, never changed.

use crate::{error, session};
use dalston_store::StoreResult;
use sqlx::{
    Connection, PgConnection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
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

/// How long the steps may take, with the wait for another node that takes them.
const PATIENCE: Duration = Duration::from_mins(10);

/// Takes the steps that the database lacks. sqlx holds an advisory lock meanwhile, so two nodes may start at once.
pub(crate) async fn run(url: &str, deadline: Duration) -> StoreResult<()> {
    let server = session::unbounded(url).map_err(error::store)?;
    let connect = tokio::time::timeout(deadline, PgConnection::connect_with(&server)).await;
    let mut conn = connect.map_err(|_| error::late(deadline))?.map_err(error::store)?;
    let steps = STEPS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(steps.into());
    // Not `run`: its future is not `Send` over a borrowed connection.
    let done = tokio::time::timeout(PATIENCE, migrator.run_direct(None, &mut conn, false)).await;
    done.map_err(|_| error::late(PATIENCE))?.map_err(error::migration)?;
    // The work is done; how the connection ends does not matter.
    let _ = conn.close().await;
    Ok(())
}
