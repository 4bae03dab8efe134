//! The connections to the server.

use crate::{dial::Dialer, error, pooled_connection::PooledConnection};
use dalston_store::{PoolStats, StoreError, StoreResult};
use deadpool::managed::Pool;
use sqlx::{PgConnection, Row};
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// So often at least it is looked whether the address leads to another server by now.
const LOOK_OUT: Duration = Duration::from_secs(1);
/// A connection that nobody needed for so long is closed.
const IDLE: Duration = Duration::from_mins(10);

/// The pool, and what is known of the server.
pub(crate) struct Link {
    pool: Pool<Dialer>,
    /// When the address was last looked at, by the clock of the epochs.
    looked: Mutex<Duration>,
}

impl Link {
    /// Without any connection yet.
    pub(crate) fn new(dialer: Dialer, connections: u32) -> StoreResult<Self> {
        let size = usize::try_from(connections.max(1)).unwrap_or(usize::MAX);
        let pool = Pool::builder(dialer).max_size(size).build().map_err(StoreError::unavailable)?;
        let looked = Mutex::new(pool.manager().epochs.now());
        Ok(Self { pool, looked })
    }

    /// How connections are opened.
    pub(crate) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// A connection for one call.
    pub(crate) async fn lease(&self) -> sqlx::Result<PooledConnection> {
        let slot = self.pool.get().await.map_err(error::pooling)?;
        let wire = Arc::clone(&slot).lock_owned().await;
        Ok(PooledConnection::new(slot, wire, self.dialer()))
    }

    /// Runs the work of one call. The one place where a call gets its deadline and its error, and where what an error
    /// says of the server has its consequence: the connections of its epoch are used no more.
    pub(crate) async fn call<T>(&self, work: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        self.look_out(LOOK_OUT);
        let Dialer { epochs, deadline, .. } = self.dialer();
        let epoch = epochs.present();
        let Ok(answer) = timeout(*deadline, work).await else {
            // A connection whose peer vanished never says so.
            self.leave(epoch);
            return Err(error::late(*deadline));
        };
        answer.map_err(|cause| {
            if error::is_in_doubt(&cause) {
                self.leave(epoch);
            }
            let error = error::store(cause);
            if matches!(error, StoreError::Unavailable(_)) {
                epochs.ails();
            }
            error
        })
    }

    /// Uses no connection of the epoch any more.
    pub(crate) fn leave(&self, epoch: u64) {
        let epochs = &self.dialer().epochs;
        epochs.end(epoch);
        // Those that are being used are found out when they come to be used again.
        let present = epochs.present();
        self.pool.retain(|wire, _| wire.try_lock().is_ok_and(|wire| wire.is_of(present)));
    }

    /// How long ago it was last looked where the address leads. When that is longer ago than `within`, it is looked again.
    pub(crate) fn doubt(&self, within: Duration) -> Duration {
        self.look_out(within);
        self.dialer().epochs.doubt()
    }

    /// Opens a connection from time to time, beside all others and without waiting for it: an old server that goes on
    /// answering as a primary cannot be told from the right one on the connections that lead to it.
    fn look_out(&self, every: Duration) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.dialer().epochs.now();
        if now.saturating_sub(*looked) < every {
            return;
        }
        *looked = now;
        self.pool.retain(|_, metrics| metrics.last_used() < IDLE);
        let pool = self.pool.clone();
        self.dialer().home.spawn(async move {
            if let Ok(wire) = pool.manager().dial().await {
                wire.close().await;
            }
        });
    }

    /// Whether each session is on one connection of the server from its first statement to its last, which a pooler may
    /// not grant. Statements that are prepared once, LISTEN and settings need it.
    pub(crate) async fn has_whole_sessions(&self) -> StoreResult<bool> {
        self.call(async {
            let (mut one, mut two) = (self.dialer().dial().await?, self.dialer().dial().await?);
            let (first, second) = (pid(&mut one).await?, pid(&mut two).await?);
            // A pooler that takes them apart gives what was just used, or each in turn: one shows in the two, the other
            // in the two questions of one.
            let mut whole = first != second;
            for _ in 0..2 {
                whole &= pid(&mut two).await? == second && pid(&mut one).await? == first;
            }
            one.close().await;
            two.close().await;
            Ok(whole)
        })
        .await
    }

    /// The connections of the pool.
    pub(crate) fn figures(&self) -> PoolStats {
        let status = self.pool.status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        PoolStats { open: number(status.size), idle: number(status.available), max: number(status.max_size) }
    }

    /// Gives out no more connections, and ends those that are idle. Those that do not end in time are left to the end of
    /// the process.
    pub(crate) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        let closing: JoinSet<()> =
            idle.into_iter().filter_map(|wire| Some(Arc::into_inner(wire)?.into_inner().close())).collect();
        let _ = timeout(self.dialer().deadline, closing.join_all()).await;
    }
}

/// Which process of the server answers.
async fn pid(conn: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid() AS pid").fetch_one(conn).await?.try_get("pid")
}
