//! Schema migrations, in two sets: the tables of keys, which every file has, and those of work.

use crate::error::primary_code;
use dalston_model::{TenantId, Timestamp};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

/// Tables that are migrated together.
pub(crate) struct Set {
    name: &'static str,
    steps: &'static [&'static str],
}

/// The tables of keys.
pub(crate) const KEYS: Set = Set {
    name: "keys",
    steps: &[
        include_str!("../../../migrations/sqlite/keys/0001_keys.sql"),
        include_str!("../../../migrations/sqlite/keys/0002_audit_and_notes.sql"),
        include_str!("../../../migrations/sqlite/keys/0003_usage_steps.sql"),
        include_str!("../../../migrations/sqlite/keys/0004_one_json.sql"),
    ],
};

/// The tables of work, beside those of keys.
#[cfg(feature = "work")]
pub(crate) const WORK: Set = Set {
    name: "work",
    steps: &[
        include_str!("../../../migrations/sqlite/work/0001_jobs.sql"),
        include_str!("../../../migrations/sqlite/work/0002_queue_and_webhooks.sql"),
        include_str!("../../../migrations/sqlite/work/0003_deaths.sql"),
        include_str!("../../../migrations/sqlite/work/0004_rows_of_their_own.sql"),
    ],
};

/// The `user_version` of a file in which each set has its own number of steps. Lower versions are one number for all
/// sets.
const OF_SETS: usize = 6;

/// The number of applied steps of the keys and of the work, by the earlier `user_version`.
const BEFORE: [(u32, u32); OF_SETS] = [(0, 0), (1, 1), (2, 1), (2, 2), (2, 3), (3, 3)];

const STEPS_BEHIND: &str = "SELECT steps FROM migrations WHERE name = ?";

/// `SQLITE_BUSY`.
const BUSY: i32 = 5;

/// Creates the file if it does not exist, and applies the missing steps of these sets.
///
/// Several processes may do so at the same time: one of them does the work.
pub(crate) async fn prepare(
    path: &Path,
    connect: &SqliteConnectOptions,
    now: Timestamp,
    sets: &[Set],
) -> sqlx::Result<()> {
    create(path)?;
    let mut connection = connect.connect().await?;
    log_ahead(&mut connection).await?;
    if !is_up_to_date(&mut connection, sets).await? {
        migrate(&mut connection, now, sets).await?;
    }
    connection.close().await
}

/// Creates the file with access for its owner only.
///
/// Does not open an existing file: closing it would release the locks that this process holds on it
/// (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Turns the write-ahead log on, once in the life of the file.
///
/// Retries on `SQLITE_BUSY`, because SQLite's busy timeout does not cover the lock that this needs.
async fn log_ahead(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    loop {
        match sqlx::query("PRAGMA journal_mode = wal").execute(&mut *connection).await {
            Err(Error::Database(cause)) if primary_code(&*cause) == Some(BUSY) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done => return done.map(drop),
        }
    }
}

async fn is_up_to_date(connection: &mut SqliteConnection, sets: &[Set]) -> sqlx::Result<bool> {
    if version(connection).await? < OF_SETS {
        return Ok(false);
    }
    for set in sets {
        if behind(connection, set).await? < set.steps.len() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn version(connection: &mut SqliteConnection) -> sqlx::Result<usize> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await?;
    match usize::try_from(version) {
        Ok(version) if version <= OF_SETS => Ok(version),
        _ => Err(too_new("schema", version, OF_SETS)),
    }
}

/// The number of steps of the set that were applied to the file.
async fn behind(connection: &mut SqliteConnection, set: &Set) -> sqlx::Result<usize> {
    let steps: Option<i64> = sqlx::query_scalar(STEPS_BEHIND).bind(set.name).fetch_optional(connection).await?;
    let (steps, known) = (steps.unwrap_or_default(), set.steps.len());
    usize::try_from(steps).ok().filter(|steps| *steps <= known).ok_or_else(|| too_new(set.name, steps, known))
}

fn too_new(what: &str, version: i64, known: usize) -> Error {
    Error::Decode(format!("{what} {version}, where this version of the program knows {known}").into())
}

async fn migrate(connection: &mut SqliteConnection, now: Timestamp, sets: &[Set]) -> sqlx::Result<()> {
    let mut change = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version = version(&mut change).await?;
    if let Some((keys, work)) = BEFORE.get(version).copied() {
        count_apart(&mut change, [("keys", keys), ("work", work)]).await?;
    }
    for set in sets {
        let behind = behind(&mut change, set).await?;
        for step in set.steps.iter().skip(behind) {
            sqlx::raw_sql(*step).execute(&mut *change).await?;
        }
        let steps = i64::try_from(set.steps.len()).unwrap_or(i64::MAX);
        let note = sqlx::query("INSERT OR REPLACE INTO migrations (name, steps) VALUES (?, ?)");
        note.bind(set.name).bind(steps).execute(&mut *change).await?;
        tracing::info!(
            event = "store.migrated",
            set = set.name,
            from = behind,
            to = steps,
            "migrated the schema of the database"
        );
    }
    if version == 0 {
        let default = sqlx::query("INSERT INTO tenants (id, created_at) VALUES (?, ?)");
        default.bind(TenantId::DEFAULT).bind(now.as_micros()).execute(&mut *change).await?;
    }
    change.commit().await
}

/// Gives each set its own number of steps: these.
async fn count_apart(change: &mut SqliteConnection, sets: [(&str, u32); 2]) -> sqlx::Result<()> {
    let table = "CREATE TABLE migrations (name TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT, WITHOUT ROWID";
    sqlx::query(table).execute(&mut *change).await?;
    for (name, steps) in sets.into_iter().filter(|(_, steps)| *steps > 0) {
        let note = sqlx::query("INSERT INTO migrations (name, steps) VALUES (?, ?)").bind(name).bind(steps);
        note.execute(&mut *change).await?;
    }
    sqlx::query(AssertSqlSafe(format!("PRAGMA user_version = {OF_SETS}"))).execute(&mut *change).await?;
    Ok(())
}
