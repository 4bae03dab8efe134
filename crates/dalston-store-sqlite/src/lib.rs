//! The store over SQLite: the embedded default.
//!
//! One connection writes, two read; other processes may use the same file at the same time, so nothing is kept in
//! memory and every change is one `BEGIN IMMEDIATE` transaction that is on the disk when the call returns.

mod audit;
mod claims;
mod error;
mod feed;
mod figures;
mod keys;
mod migrations;
mod notes;
mod notifier;
mod page;
#[cfg(test)]
mod plans;
mod row;
mod tenants;
#[cfg(test)]
mod tests;
mod usage;
#[cfg(feature = "work")]
mod work;

use async_trait::async_trait;
use dalston_model::{SharedClock, SystemClock};
use dalston_store::{KeyStorage, PoolStats, StoreError, StoreResult};
use migrations::Set;
use sqlx::{
    ConnectOptions, Connection, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a call takes at most, unless the options say otherwise.
const DEADLINE: Duration = Duration::from_secs(5);
/// What opening waits for at most: another process may be at its migration.
const OPENING: Duration = Duration::from_secs(30);

/// Written to see whether the disk takes changes: about as much as the largest of them, since a little may have room
/// where they do not.
const WRITE: &str = "INSERT OR REPLACE INTO notes (name, text, lapses_at) VALUES ('ready', printf('%.65536c', 'x'), 0)";
/// And taken back.
const UNDO: &str = "DELETE FROM notes WHERE name = 'ready'";

/// Where the database is, and how long a call may take.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file. It is made when it is not there, readable for its owner only, and so is its folder.
    pub path: PathBuf,
    /// After this, a call is [`StoreError::Unavailable`].
    pub deadline: Duration,
}

/// A store in a SQLite file, with the clock that decides about ends.
pub struct SqliteStore {
    clock: SharedClock,
    deadline: Duration,
    connect: SqliteConnectOptions,
    readers: SqlitePool,
    writer: SqlitePool,
    /// A call failed since the database last proved that it takes changes.
    is_ailing: AtomicBool,
}

/// Opens the database at `path`, by the system's clock, and brings its tables of keys up to date. A call that takes longer
/// than five seconds is [`StoreError::Unavailable`].
pub async fn open(path: impl Into<PathBuf>) -> StoreResult<Arc<SqliteStore>> {
    let options = SqliteOptions { path: path.into(), deadline: DEADLINE };
    Ok(Arc::new(SqliteStore::open(&options, Arc::new(SystemClock)).await?))
}

impl SqliteStore {
    /// Opens the database, and brings its tables of keys up to date. [`StoreError::Corrupt`] when the file is no database,
    /// or one of a later version of this program.
    pub async fn open(options: &SqliteOptions, clock: SharedClock) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS]).await
    }

    /// The same, with the tables of work: those that [`WorkStorage`](dalston_work::WorkStorage) needs.
    #[cfg(feature = "work")]
    pub async fn open_with_work(options: &SqliteOptions, clock: SharedClock) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS, migrations::WORK]).await
    }

    async fn prepare(options: &SqliteOptions, clock: SharedClock, sets: &[Set]) -> StoreResult<Self> {
        let SqliteOptions { path, deadline } = options;
        // An absolute path cannot be taken for `:memory:` or a URI, and outlives a change of the working directory.
        let path = std::path::absolute(path).map_err(StoreError::unavailable)?;
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(OPENING)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            // In KiB, when negative.
            .pragma("cache_size", "-2000")
            .disable_statement_logging();
        within(OPENING, migrations::prepare(&path, &connect, clock.now(), sets)).await?;

        let connect = connect.busy_timeout(*deadline);
        let reading = connect.clone().pragma("query_only", "on");
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(*deadline)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // A full disk may end a transaction behind the driver's back. It then refuses to begin another one on
            // that connection, for ever.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        Ok(Self {
            clock,
            deadline: *deadline,
            readers: pool.clone().max_connections(2).connect_lazy_with(reading),
            writer: pool.max_connections(1).connect_lazy_with(connect.clone()),
            connect,
            is_ailing: AtomicBool::new(false),
        })
    }

    /// Every call goes through here: its deadline, and its errors as the trait has them.
    async fn call<T>(&self, steps: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        let done = within(self.deadline, steps).await;
        if matches!(done, Err(StoreError::Unavailable(_))) {
            self.is_ailing.store(true, Ordering::Release);
        }
        done
    }

    /// The one transaction that changes anything. It is undone unless it is committed.
    async fn change(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

async fn within<T>(deadline: Duration, steps: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
    match tokio::time::timeout(deadline, steps).await {
        Ok(done) => done.map_err(error::store_error),
        Err(_) => Err(StoreError::unavailable(format_args!("no answer in {deadline:?}"))),
    }
}

#[async_trait]
impl KeyStorage for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn probe(&self) -> StoreResult<()> {
        self.call(async {
            let mut connection = self.connect.connect().await?;
            feed::end(&mut connection).await?;
            connection.close().await
        })
        .await?;
        if self.is_ailing.load(Ordering::Acquire) {
            self.call(async {
                for statement in [WRITE, UNDO] {
                    let mut change = self.change().await?;
                    sqlx::query(statement).execute(&mut *change).await?;
                    change.commit().await?;
                }
                Ok(())
            })
            .await?;
            self.is_ailing.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn pool(&self) -> Option<PoolStats> {
        let pools = [&self.readers, &self.writer];
        let sum = |count: fn(&SqlitePool) -> u32| pools.map(count).iter().sum();
        Some(PoolStats {
            open: sum(SqlitePool::size),
            idle: sum(|pool| u32::try_from(pool.num_idle()).unwrap_or(u32::MAX)),
            max: sum(|pool| pool.options().get_max_connections()),
        })
    }

    async fn close(&self) {
        let closed = self.call(async {
            self.readers.close().await;
            // Last, since the last connection moves what is in the log to the database.
            self.writer.close().await;
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::warn!(event = "store.close_failed", %error, "could not close the database in time");
        }
    }
}
