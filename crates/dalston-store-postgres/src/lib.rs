//! The key store on Postgres, and with the feature `work` the work store as well.
//!
//! Every change takes a row lock on the row `seq` of `meta`, so changes are serialised and numbered in commit order
//! (see `change.rs`). Reads and usage updates take no such lock. `dalston-model` and `dalston-store` make all
//! decisions; this crate calls them inside the transaction.

mod audit;
mod change;
mod claims;
mod dial;
mod error;
mod feed;
mod figures;
mod keys;
mod limits;
mod link;
mod migrations;
mod notes;
mod notifier;
mod page;
mod pg_timestamp;
mod pooled_connection;
mod record;
mod row;
mod tenants;
mod usage;
#[cfg(feature = "work")]
mod work;

use async_trait::async_trait;
use change::Change;
use dalston_model::{SharedClock, SystemClock};
use dalston_store::{KeyStorage, PoolStats, StoreError, StoreResult};
use dial::Dialer;
use link::Link;
use migrations::Set;
use pg_timestamp::PgTimestamp;
use pooled_connection::PooledConnection;
use std::{future::Future, sync::Arc, time::Duration};

/// Where the server is, and how to use it.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The connection URL: `postgres://user:password@host:port/database`, with libpq parameters after a `?`.
    pub url: String,
    /// The time limit of a call, including the wait for a connection. A call that takes longer fails as unavailable.
    pub deadline: Duration,
    /// The maximum number of connections.
    pub connections: u32,
}

/// Tests whether the server accepts writes.
const WRITE: &str = "INSERT INTO notes (name, text, lapses_at) VALUES ('ready', '', now()) \
     ON CONFLICT (name) DO UPDATE SET lapses_at = now()";

/// A store on a Postgres server, version 15 or later.
pub struct PostgresStore {
    link: Link,
    clock: Option<SharedClock>,
}

/// The default time limit of a call.
const DEADLINE: Duration = Duration::from_secs(5);
/// The default maximum number of connections.
const CONNECTIONS: u32 = 16;

/// Connects to the database of this URL, and migrates its key tables.
///
/// The store uses the clock of the server. A call that takes longer than five seconds fails with
/// [`StoreError::Unavailable`]. See [`PostgresStore::connect`] for the errors.
pub async fn open(url: impl Into<String>) -> StoreResult<Arc<PostgresStore>> {
    let options = PostgresOptions { url: url.into(), deadline: DEADLINE, connections: CONNECTIONS };
    Ok(Arc::new(PostgresStore::connect(&options, None).await?))
}

impl PostgresStore {
    /// Connects and migrates the key tables.
    ///
    /// Several nodes may do so at once. Expiry times and rate limit windows are measured by `clock`, or by the server's
    /// clock if it is `None`. All connections live in the Tokio runtime of the caller, which must outlive all users of
    /// the store.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be reached in time or is not a primary, if a pooler does not keep sessions whole, or
    /// if the schema is newer than this program. No error contains the password.
    pub async fn connect(options: &PostgresOptions, clock: Option<SharedClock>) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS]).await
    }

    /// Connects and migrates the key tables and the work tables.
    ///
    /// [`WorkStorage`](dalston_work::WorkStorage) needs the work tables. Otherwise like [`PostgresStore::connect`].
    #[cfg(feature = "work")]
    pub async fn connect_with_work(options: &PostgresOptions, clock: Option<SharedClock>) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS, migrations::WORK]).await
    }

    async fn prepare(options: &PostgresOptions, clock: Option<SharedClock>, sets: &[Set]) -> StoreResult<Self> {
        let spans = clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        let dialer = Dialer::new(&options.url, options.deadline, spans).map_err(error::store)?;
        let link = Link::new(dialer, options.connections)?;
        if !link.has_whole_sessions().await? {
            return Err(StoreError::unavailable(
                "the pooler before it takes sessions apart: give this database PgBouncer's `pool_mode=session`, or name \
                 the server itself",
            ));
        }
        migrations::run(link.dialer(), sets).await?;
        let store = Self { link, clock };
        store.insert_default_tenant().await?;
        Ok(store)
    }

    /// Runs the work of one call, with the deadline of the store, and maps its error.
    async fn call<T>(&self, work: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        self.link.call(work).await
    }

    /// Proves that the server accepts changes: takes the lock, writes an audit record and commits, as every change
    /// does.
    async fn prove(&self) -> sqlx::Result<()> {
        let mut lease = self.lease().await?;
        let mut change = Change::begin(&mut lease).await?;
        change.test_audit_write().await?;
        sqlx::query(WRITE).execute(change.conn()).await?;
        change.commit_unrecorded().await
    }

    /// Takes a connection from the pool for one call.
    async fn lease(&self) -> sqlx::Result<PooledConnection> {
        self.link.lease().await
    }

    /// Returns the time of the configured clock; `None` leaves the time to the server.
    fn now(&self) -> Option<PgTimestamp> {
        self.clock.as_ref().map(|clock| PgTimestamp(clock.now()))
    }
}

#[async_trait]
impl KeyStorage for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn probe(&self) -> StoreResult<()> {
        let epochs = &self.link.dialer().epochs;
        self.call(async {
            self.link.dialer().dial().await?.close().await;
            Ok(())
        })
        .await?;
        if epochs.has_failed() {
            self.call(self.prove()).await?;
            epochs.record_write();
        }
        Ok(())
    }

    fn pool(&self) -> Option<PoolStats> {
        Some(self.link.figures())
    }

    async fn close(&self) {
        self.link.close().await;
    }
}
