//! Schema migrations, in two sets: the key tables, which every database has, and the work tables. Files in
//! `migrations/postgres` are only added, never changed.

use crate::{dial::Dialer, error};
use dalston_store::{StoreError, StoreResult};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// Migrations that are applied together.
pub(crate) struct Set {
    name: &'static str,
    steps: &'static [&'static str],
}

/// The migrations of the key tables.
pub(crate) const KEYS: Set = Set {
    name: "keys",
    steps: &[
        include_str!("../../../migrations/postgres/keys/0001_keys.sql"),
        include_str!("../../../migrations/postgres/keys/0002_limits.sql"),
        include_str!("../../../migrations/postgres/keys/0003_audit_and_notes.sql"),
        include_str!("../../../migrations/postgres/keys/0004_leases.sql"),
        include_str!("../../../migrations/postgres/keys/0005_wakes.sql"),
        include_str!("../../../migrations/postgres/keys/0006_nodes.sql"),
        include_str!("../../../migrations/postgres/keys/0007_usage_steps.sql"),
        include_str!("../../../migrations/postgres/keys/0008_one_json.sql"),
    ],
};

/// The migrations of the work tables, in addition to the key tables.
#[cfg(feature = "work")]
pub(crate) const WORK: Set = Set {
    name: "work",
    steps: &[
        include_str!("../../../migrations/postgres/work/0001_jobs.sql"),
        include_str!("../../../migrations/postgres/work/0002_queue_and_webhooks.sql"),
        include_str!("../../../migrations/postgres/work/0003_deaths.sql"),
        include_str!("../../../migrations/postgres/work/0004_rows_of_their_own.sql"),
    ],
};

/// The number of key migrations and of work migrations that a database has, by its old version number. Older programs
/// had one number for both sets.
const BEFORE: [(i32, i32); 10] = [(0, 0), (1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3), (6, 3), (7, 3)];

/// Without statement time limits: a migration may take long, and so may another node that is migrating.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// The time limit of all migrations, including the wait for another node that is migrating.
const PATIENCE: Duration = Duration::from_mins(10);

/// The number of the advisory lock that serialises nodes which start at once.
const LOCK: i64 = 0x6461_6c73_746f_6e00;

const TABLE: &str = "CREATE TABLE migrations (name text PRIMARY KEY, steps integer NOT NULL)";

const NOTE: &str = "INSERT INTO migrations (name, steps) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET steps = excluded.steps";

/// The version number of older programs.
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";

/// Stores a version that older programs do not know, so they refuse to use the database.
const KEEP_OUT: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES ($1, 'sets', true, '', 0)";

/// Applies the missing migrations of these sets, in one transaction. So the lock and the settings apply to them all,
/// whichever connection to the server a pooler chooses.
pub(crate) async fn run(dialer: &Dialer, sets: &[Set]) -> StoreResult<()> {
    let mut wire = dialer.dial().await.map_err(error::store)?;
    let work = async {
        let mut transaction = wire.begin_with(BEGIN).await.map_err(error::store)?;
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
        lock.execute(&mut *transaction).await.map_err(error::store)?;
        count_apart(&mut transaction).await?;
        for set in sets {
            take(&mut transaction, set).await?;
        }
        transaction.commit().await.map_err(error::store)
    };
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.map_err(|_| error::late(PATIENCE))??;
    wire.close().await;
    Ok(())
}

/// Applies the missing migrations of a set.
async fn take(change: &mut PgConnection, set: &Set) -> StoreResult<()> {
    let behind = sqlx::query_scalar("SELECT steps FROM migrations WHERE name = $1").bind(set.name);
    let behind: i32 = behind.fetch_optional(&mut *change).await.map_err(error::store)?.unwrap_or_default();
    let Some(steps) = usize::try_from(behind).ok().and_then(|behind| set.steps.get(behind..)) else {
        return Err(newer(set.name, behind));
    };
    for step in steps {
        sqlx::raw_sql(*step).execute(&mut *change).await.map_err(error::store)?;
    }
    if !steps.is_empty() {
        let note = sqlx::query(NOTE).bind(set.name).bind(i32::try_from(set.steps.len()).unwrap_or(i32::MAX));
        note.execute(change).await.map_err(error::store)?;
        tracing::info!(
            event = "store.migrated",
            set = set.name,
            from = behind,
            to = set.steps.len(),
            "migrated the schema of the database"
        );
    }
    Ok(())
}

/// Replaces the old version number by one number for each set, unless this was done before.
async fn count_apart(change: &mut PgConnection) -> StoreResult<()> {
    if exists(change, "migrations").await? {
        return Ok(());
    }
    sqlx::query(TABLE).execute(&mut *change).await.map_err(error::store)?;
    if !exists(change, "_sqlx_migrations").await? {
        return Ok(());
    }
    let version: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut *change).await.map_err(error::store)?;
    let Some((keys, work)) = usize::try_from(version).ok().and_then(|version| BEFORE.get(version).copied()) else {
        return Err(newer("schema", version));
    };
    for (name, steps) in [("keys", keys), ("work", work)] {
        sqlx::query(NOTE).bind(name).bind(steps).execute(&mut *change).await.map_err(error::store)?;
    }
    let next = i64::try_from(BEFORE.len()).unwrap_or(i64::MAX);
    sqlx::query(KEEP_OUT).bind(next).execute(change).await.map_err(error::store)?;
    Ok(())
}

/// Returns whether the table exists in the search path.
async fn exists(change: &mut PgConnection, table: &str) -> StoreResult<bool> {
    let found = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(change);
    found.await.map_err(error::store)
}

fn newer(what: &str, version: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(format_args!("{what} version {version} is newer than this program"))
}
