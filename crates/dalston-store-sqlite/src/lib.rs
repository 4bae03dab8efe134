//! The storage engine over SQLite: the embedded default.
//!
//! One connection writes, two read. Other processes may use the same file at the same time, so nothing is cached in
//! memory. Every change is one `BEGIN IMMEDIATE` transaction that is on disk when the call returns.

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

/// The default deadline of a call.
const DEADLINE: Duration = Duration::from_secs(5);
/// The deadline of opening: another process may be running its migration.
const OPENING: Duration = Duration::from_secs(30);

/// A test write that shows whether the disk accepts changes. It is about as large as the largest change, because a
/// small write may fit on a disk where a large one does not.
const WRITE: &str = "INSERT OR REPLACE INTO notes (name, text, lapses_at) VALUES ('ready', printf('%.65536c', 'x'), 0)";
/// Removes the test write.
const UNDO: &str = "DELETE FROM notes WHERE name = 'ready'";

/// The location of the database, and the deadline of a call.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. If it does not exist, it is created with access for its owner only, and so is its directory.
    pub path: PathBuf,
    /// The deadline of a call. A call that exceeds it returns [`StoreError::Unavailable`].
    pub deadline: Duration,
}

/// A store in a SQLite file, with the clock that decides about expiry.
pub struct SqliteStore {
    clock: SharedClock,
    deadline: Duration,
    connect: SqliteConnectOptions,
    readers: SqlitePool,
    writer: SqlitePool,
    /// Whether a call failed since the database was last proved to accept changes.
    has_failed: AtomicBool,
}

/// Opens the database at `path`, with the system's clock, and migrates its tables of keys.
///
/// A call that takes longer than five seconds returns [`StoreError::Unavailable`].
pub async fn open(path: impl Into<PathBuf>) -> StoreResult<Arc<SqliteStore>> {
    let options = SqliteOptions { path: path.into(), deadline: DEADLINE };
    Ok(Arc::new(SqliteStore::open(&options, Arc::new(SystemClock)).await?))
}

impl SqliteStore {
    /// Opens the database, and migrates its tables of keys.
    ///
    /// Returns [`StoreError::Corrupt`] if the file is not a database, or if its schema is of a later version of this
    /// program.
    pub async fn open(options: &SqliteOptions, clock: SharedClock) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS]).await
    }

    /// Opens the database, and migrates its tables of keys and of work, which
    /// [`WorkStorage`](dalston_work::WorkStorage) needs.
    #[cfg(feature = "work")]
    pub async fn open_with_work(options: &SqliteOptions, clock: SharedClock) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS, migrations::WORK]).await
    }

    async fn prepare(options: &SqliteOptions, clock: SharedClock, sets: &[Set]) -> StoreResult<Self> {
        let SqliteOptions { path, deadline } = options;
        // An absolute path cannot be mistaken for `:memory:` or a URI, and stays valid if the working directory
        // changes.
        let path = std::path::absolute(path).map_err(StoreError::unavailable)?;
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(OPENING)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            // A negative value is in KiB.
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
            // A full disk may end a transaction without the driver's knowledge. The driver then refuses to begin
            // another transaction on that connection for ever.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        Ok(Self {
            clock,
            deadline: *deadline,
            readers: pool.clone().max_connections(2).connect_lazy_with(reading),
            writer: pool.max_connections(1).connect_lazy_with(connect.clone()),
            connect,
            has_failed: AtomicBool::new(false),
        })
    }

    /// Runs a call. Every call goes through here: it applies the deadline, and maps errors to those of the trait.
    async fn call<T>(&self, steps: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        let done = within(self.deadline, steps).await;
        if matches!(done, Err(StoreError::Unavailable(_))) {
            self.has_failed.store(true, Ordering::Release);
        }
        done
    }

    /// Begins the transaction of a change: no other can run at the same time. It is rolled back unless it is committed.
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
        if self.has_failed.load(Ordering::Acquire) {
            self.call(async {
                for statement in [WRITE, UNDO] {
                    let mut change = self.change().await?;
                    sqlx::query(statement).execute(&mut *change).await?;
                    change.commit().await?;
                }
                Ok(())
            })
            .await?;
            self.has_failed.store(false, Ordering::Release);
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
            // The writer is closed last, because the last connection to close checkpoints the write-ahead log into the
            // database.
            self.writer.close().await;
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::warn!(event = "store.close_failed", %error, "could not close the database in time");
        }
    }
}
