//! The store over Postgres.
//!
//! Changes stand in line behind one row, see `change.rs`; reads and use take no lock. All decisions are those of the
//! model and of `dalston-store`, made inside the transaction.

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
    /// `postgres://user:password@host:port/database`, with the parameters of libpq behind a `?`.
    pub url: String,
    /// How long a call may take, with the wait for a connection. Afterwards it is unavailable.
    pub deadline: Duration,
    /// How many connections at most.
    pub connections: u32,
}

/// Written to see whether the server takes writes.
const WRITE: &str = "INSERT INTO notes (name, text, lapses_at) VALUES ('ready', '', now()) \
     ON CONFLICT (name) DO UPDATE SET lapses_at = now()";

/// A store on a Postgres server, 15 or later.
pub struct PostgresStore {
    link: Link,
    clock: Option<SharedClock>,
}

/// What a call takes at most, unless the options say otherwise.
const DEADLINE: Duration = Duration::from_secs(5);
/// Connections, unless the options say otherwise.
const CONNECTIONS: u32 = 16;

/// Connects to the database of this URL, goes by the clock of its server, and brings its tables of keys up to date. A call
/// that takes longer than five seconds is [`StoreError::Unavailable`]. See [`PostgresStore::connect`].
pub async fn open(url: impl Into<String>) -> StoreResult<Arc<PostgresStore>> {
    let options = PostgresOptions { url: url.into(), deadline: DEADLINE, connections: CONNECTIONS };
    Ok(Arc::new(PostgresStore::connect(&options, None).await?))
}

impl PostgresStore {
    /// Connects and brings the tables of keys up to date; several nodes may do so at once. Ends and windows go by `clock`, or
    /// by the server's clock when there is none. All connections live in the Tokio runtime that this is called in, which
    /// must outlive all users of the store.
    ///
    /// Fails when the server cannot be reached in time or is no primary, when a pooler does not keep sessions whole, or
    /// when the schema is newer than this program; no error shows the password.
    pub async fn connect(options: &PostgresOptions, clock: Option<SharedClock>) -> StoreResult<Self> {
        Self::prepare(options, clock, &[migrations::KEYS]).await
    }

    /// The same, with the tables of work: those that [`WorkStorage`](dalston_work::WorkStorage) needs.
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

    /// Runs the work of one call, which gets its deadline and its error here.
    async fn call<T>(&self, work: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        self.link.call(work).await
    }

    /// Makes a change of the least kind: it waits in line, writes a record and commits, as every change does.
    async fn prove(&self) -> sqlx::Result<()> {
        let mut lease = self.lease().await?;
        let mut change = Change::begin(&mut lease).await?;
        change.rehearse().await?;
        sqlx::query(WRITE).execute(change.conn()).await?;
        change.commit_unrecorded().await
    }

    /// A connection for one call.
    async fn lease(&self) -> sqlx::Result<PooledConnection> {
        self.link.lease().await
    }

    /// The time of the clock that was given; none leaves it to the server.
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
        if epochs.is_ailing() {
            self.call(self.prove()).await?;
            epochs.recovers();
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
