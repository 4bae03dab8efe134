//! The store over Postgres.
//!
//! Changes stand in line behind one row, see `change.rs`; reads and use take no lock. All decisions are those of the
//! model and of `dalston-store`, made inside the transaction.

mod audit;
mod change;
mod claims;
mod ending;
mod error;
mod feed;
mod figures;
mod jobs;
mod keys;
mod lease;
mod limits;
mod meter;
mod migrations;
mod moment;
mod notes;
mod outbox;
mod page;
mod queue;
mod row;
mod session;
mod sessions;
mod tenants;
mod turns;
mod usage;
mod wakes;
mod webhooks;
mod workers;

use async_trait::async_trait;
use dalston_model::SharedClock;
use dalston_store::{PoolFigures, Store, StoreError, StoreResult};
use lease::Lease;
use moment::Moment;
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use std::{future::Future, time::Duration};

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

/// A store on a Postgres server, 15 or later.
pub struct PostgresStore {
    pool: PgPool,
    server: PgConnectOptions,
    deadline: Duration,
    clock: Option<SharedClock>,
}

impl PostgresStore {
    /// Connects and brings the schema up to date; several nodes may do so at once. Ends and windows go by `clock`, or
    /// by the server's clock when there is none. Fails when the server cannot be reached in time, or when its schema
    /// is newer than this program; no error shows the password.
    pub async fn connect(options: &PostgresOptions, clock: Option<SharedClock>) -> StoreResult<Self> {
        let server = session::options(&options.url, options.deadline).map_err(error::store)?;
        migrations::run(&options.url, options.deadline).await?;
        let pool = session::pool(server.clone(), options.connections, options.deadline);
        let store = Self { pool, server, deadline: options.deadline, clock };
        store.insert_default_tenant().await?;
        Ok(store)
    }

    /// Runs the work of one call. The one place where a call gets its deadline and its error.
    async fn call<T>(&self, work: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        let answer = tokio::time::timeout(self.deadline, work).await;
        answer.map_err(|_| error::late(self.deadline))?.map_err(error::store)
    }

    /// A connection for one call.
    async fn lease(&self) -> sqlx::Result<Lease> {
        Ok(Lease::new(self.pool.acquire().await?, self.deadline))
    }

    /// The time of the clock that was given; none leaves it to the server.
    fn now(&self) -> Option<Moment> {
        self.clock.as_ref().map(|clock| Moment(clock.now()))
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn probe(&self) -> StoreResult<()> {
        let read_only = self.call(async {
            let mut conn = PgConnection::connect_with(&self.server).await?;
            let sql = "SELECT current_setting('transaction_read_only')::boolean";
            let read_only: bool = sqlx::query_scalar(sql).fetch_one(&mut conn).await?;
            conn.close().await?;
            Ok(read_only)
        });
        if read_only.await? { Err(StoreError::unavailable("the server takes no writes")) } else { Ok(()) }
    }

    fn pool(&self) -> Option<PoolFigures> {
        Some(PoolFigures {
            open: self.pool.size(),
            idle: u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX),
            max: self.pool.options().get_max_connections(),
        })
    }

    async fn close(&self) {
        // A connection that does not come back in time is left to the end of the process.
        let _ = tokio::time::timeout(self.deadline, self.pool.close()).await;
    }
}
