//! The connection pool, and the checks of where the server address leads.

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

/// The maximum time between two checks of whether the address leads to another server by now.
const PRIMARY_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The time after which an unused connection is closed.
const IDLE: Duration = Duration::from_mins(10);

/// The pool, and the time of the last address check.
pub(crate) struct Link {
    pool: Pool<Dialer>,
    /// When the address was last checked, by the clock of the epochs.
    primary_checked_at: Mutex<Duration>,
}

impl Link {
    /// Creates the pool; opens no connection yet.
    pub(crate) fn new(dialer: Dialer, connections: u32) -> StoreResult<Self> {
        let size = usize::try_from(connections.max(1)).unwrap_or(usize::MAX);
        let pool = Pool::builder(dialer).max_size(size).build().map_err(StoreError::unavailable)?;
        let primary_checked_at = Mutex::new(pool.manager().epochs.now());
        Ok(Self { pool, primary_checked_at })
    }

    /// Returns the object that opens connections.
    pub(crate) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// Takes a connection from the pool for one call.
    pub(crate) async fn lease(&self) -> sqlx::Result<PooledConnection> {
        let slot = self.pool.get().await.map_err(error::pooling)?;
        let wire = Arc::clone(&slot).lock_owned().await;
        Ok(PooledConnection::new(slot, wire, self.dialer()))
    }

    /// Runs the work of one call, with the deadline, and maps its error.
    ///
    /// All calls go through here. If the error casts doubt on the server, the epoch of the connections ends, so none of
    /// them is used again.
    pub(crate) async fn call<T>(&self, work: impl Future<Output = sqlx::Result<T>> + Send) -> StoreResult<T> {
        self.check_primary_in_background(PRIMARY_CHECK_INTERVAL);
        let Dialer { epochs, deadline, .. } = self.dialer();
        let epoch = epochs.present();
        let Ok(answer) = timeout(*deadline, work).await else {
            // A connection whose peer vanished never reports an error.
            self.end_epoch(epoch);
            return Err(error::late(*deadline));
        };
        answer.map_err(|cause| {
            if error::is_in_doubt(&cause) {
                self.end_epoch(epoch);
            }
            let error = error::store(cause);
            if matches!(error, StoreError::Unavailable(_)) {
                epochs.record_failure();
            }
            error
        })
    }

    /// Ends the epoch: none of its connections is used again.
    pub(crate) fn end_epoch(&self, epoch: u64) {
        let epochs = &self.dialer().epochs;
        epochs.end(epoch);
        // Only idle connections are dropped here. The others are dropped when the pool recycles them.
        let present = epochs.present();
        self.pool.retain(|wire, _| wire.try_lock().is_ok_and(|wire| wire.is_of(present)));
    }

    /// Returns how long ago the address was last seen to lead to the server of the present epoch. If that is longer ago
    /// than `within`, also starts a new check in the background.
    pub(crate) fn doubt(&self, within: Duration) -> Duration {
        self.check_primary_in_background(within);
        self.dialer().epochs.doubt()
    }

    /// Opens a new connection at most once in `every`, in the background, to see where the address leads.
    ///
    /// This is needed because an old server that still answers as a primary looks right on the connections that lead to
    /// it.
    fn check_primary_in_background(&self, every: Duration) {
        let mut primary_checked_at = self.primary_checked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.dialer().epochs.now();
        if now.saturating_sub(*primary_checked_at) < every {
            return;
        }
        *primary_checked_at = now;
        self.pool.retain(|_, metrics| metrics.last_used() < IDLE);
        let pool = self.pool.clone();
        self.dialer().home.spawn(async move {
            if let Ok(wire) = pool.manager().dial().await {
                wire.close().await;
            }
        });
    }

    /// Returns whether each session keeps one server connection from its first statement to its last.
    ///
    /// A pooler may not grant this. Prepared statements, LISTEN and session settings need it.
    pub(crate) async fn has_whole_sessions(&self) -> StoreResult<bool> {
        self.call(async {
            let (mut one, mut two) = (self.dialer().dial().await?, self.dialer().dial().await?);
            let (first, second) = (pid(&mut one).await?, pid(&mut two).await?);
            // A pooler that splits sessions assigns either the connection that was used last, or each in turn. The
            // former shows in the two sessions having the same process, the latter in one session changing its process.
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

    /// Returns the numbers of the pool.
    pub(crate) fn figures(&self) -> PoolStats {
        let status = self.pool.status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        PoolStats { open: number(status.size), idle: number(status.available), max: number(status.max_size) }
    }

    /// Closes the pool and its idle connections. Connections that do not close in time are left to the end of the
    /// process.
    pub(crate) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        let closing: JoinSet<()> =
            idle.into_iter().filter_map(|wire| Some(Arc::into_inner(wire)?.into_inner().close())).collect();
        let _ = timeout(self.dialer().deadline, closing.join_all()).await;
    }
}

/// Returns the id of the server process that answers.
async fn pid(conn: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid() AS pid").fetch_one(conn).await?.try_get("pid")
}
