//! The schema, step by step. The file's `user_version` is the number of steps that it has behind it.

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

const STEPS: [&str; 5] = [
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../../migrations/sqlite/0002_audit_and_notes.sql"),
    include_str!("../../../migrations/sqlite/0003_work.sql"),
    include_str!("../../../migrations/sqlite/0004_deaths.sql"),
    include_str!("../../../migrations/sqlite/0005_usage_steps.sql"),
];

/// `SQLITE_BUSY`.
const BUSY: i32 = 5;

/// Makes the file where there is none, and takes the steps that it has not behind it. Several processes may do so at
/// once: one of them does the work.
pub(crate) async fn prepare(path: &Path, connect: &SqliteConnectOptions, now: Timestamp) -> sqlx::Result<()> {
    create(path)?;
    let mut connection = connect.connect().await?;
    log_ahead(&mut connection).await?;
    if version(&mut connection).await? < STEPS.len() {
        migrate(&mut connection, now).await?;
    }
    connection.close().await
}

/// Makes the file for its owner only. One that is there is not opened: closing it would drop the locks that this
/// process has on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Turns the write-ahead log on, once in the life of the file. SQLite does not wait by itself for the lock that this
/// takes.
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

async fn version(connection: &mut SqliteConnection) -> sqlx::Result<usize> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await?;
    let known = STEPS.len();
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => Err(Error::Decode(format!("schema {version}, where this version of the program knows {known}").into())),
    }
}

async fn migrate(connection: &mut SqliteConnection, now: Timestamp) -> sqlx::Result<()> {
    let mut change = connection.begin_with("BEGIN IMMEDIATE").await?;
    let behind = version(&mut change).await?;
    for step in STEPS.iter().skip(behind) {
        sqlx::raw_sql(*step).execute(&mut *change).await?;
    }
    if behind == 0 {
        let default = sqlx::query("INSERT INTO tenants (id, created_at) VALUES (?, ?)");
        default.bind(TenantId::DEFAULT).bind(now.as_micros()).execute(&mut *change).await?;
    }
    let version = format!("PRAGMA user_version = {}", STEPS.len());
    sqlx::query(AssertSqlSafe(version)).execute(&mut *change).await?;
    change.commit().await?;
    tracing::info!(from = behind, to = STEPS.len(), "the schema of the database is up to date");
    Ok(())
}
