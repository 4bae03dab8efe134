//! The connections to the server, and the deadline of each call.

use crate::{
    dial::{Dialer, Wire},
    error,
};
use dalston_store::{StoreError, StoreResult};
use deadpool::managed::{Object, Pool};
use redis::{Cmd, FromRedisValue, RedisResult, ScriptInvocation, aio::MultiplexedConnection};
use std::{
    future::Future,
    ops::Deref,
    sync::{Mutex as SyncMutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};

/// The maximum time between two checks of whether the address leads to another server by now.
const PRIMARY_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A Redis key that is written, with an immediate expiry, to test whether the server accepts writes.
const READY: &str = "dalston:ready";

/// The connections: a pool, and one connection that all look-ups share.
///
/// A pooled connection proves before each use that it leads to a primary. A look-up is not worth that second round
/// trip. The change feed is read on the shared connection too, so keys are read from the server whose feed is followed.
pub(crate) struct Link {
    pub(crate) pool: Pool<Dialer>,
    pub(crate) line: Mutex<Option<Wire>>,
    /// When the address was last checked, by the clock of the epochs.
    looked: SyncMutex<Duration>,
}

/// One call of a trait's method. All of its round trips share one deadline.
pub(crate) struct StoreCall<'a> {
    link: &'a Link,
    /// The deadline, by the clock of the epochs.
    ends: Duration,
}

/// A connection for one request.
enum PooledConnection {
    Pooled(Object<Dialer>),
    Shared(Wire),
}

/// Which connection a request uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallTarget {
    Pool,
    Shared,
}

impl Deref for PooledConnection {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        match self {
            Self::Pooled(wire) => wire,
            Self::Shared(wire) => wire,
        }
    }
}

impl Link {
    /// Creates the connections' owner; opens no connection yet.
    pub(crate) fn new(pool: Pool<Dialer>) -> Self {
        let looked = SyncMutex::new(pool.manager().epochs.now());
        Self { pool, line: Mutex::new(None), looked }
    }

    /// Begins a call.
    pub(crate) fn call(&self) -> StoreCall<'_> {
        let now = self.check_primary_in_background(PRIMARY_CHECK_INTERVAL);
        StoreCall { link: self, ends: now + self.dialer().deadline }
    }

    /// Closes the pool and drops the shared connection. Running calls keep their connections.
    pub(crate) fn close(&self) {
        self.pool.close();
        if let Ok(mut line) = self.line.try_lock() {
            *line = None;
        }
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// Returns how long ago the address was last seen to lead to the server of the present epoch. If that is longer ago
    /// than `within`, also starts a new check in the background.
    pub(crate) fn time_since_primary_check(&self, within: Duration) -> Duration {
        self.check_primary_in_background(within);
        self.dialer().epochs.doubt()
    }

    /// Opens a new connection at most once in `every`, in the background, to see where the address leads. Returns the
    /// time now.
    ///
    /// This is needed because an old server that still answers as a primary looks right on the connections that lead to
    /// it.
    fn check_primary_in_background(&self, every: Duration) -> Duration {
        let now = self.dialer().epochs.now();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(*looked) >= every {
            *looked = now;
            let pool = self.pool.clone();
            self.dialer().home.spawn(async move { pool.manager().dial(None).await.is_ok() });
        }
        now
    }

    /// Ends the epoch: none of its connections is used again.
    pub(crate) fn drop_epoch(&self, epoch: u64) {
        let epochs = &self.dialer().epochs;
        epochs.end(epoch);
        let present = epochs.present();
        self.pool.retain(|wire, _| wire.epoch == present);
    }

    async fn lend(&self, way: CallTarget) -> StoreResult<PooledConnection> {
        if way == CallTarget::Pool {
            return Ok(PooledConnection::Pooled(self.pool.get().await.map_err(|error| error::pool_error(&error))?));
        }
        let mut line = self.line.lock().await;
        if let Some(line) = &*line
            && line.epoch == self.dialer().epochs.present()
        {
            return Ok(PooledConnection::Shared(line.clone()));
        }
        let new = self.dialer().dial(None).await.map_err(|error| error::connect_error(&error))?;
        Ok(PooledConnection::Shared(line.insert(new).clone()))
    }
}

impl StoreCall<'_> {
    /// Runs a script on a pooled connection, which has just proved that it leads to a primary. If a change were lost on
    /// the way, its outcome would be unknown.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Pool, |mut wire| async move { script.invoke_async(&mut wire).await }).await
    }

    /// Like `run`, but retries with `full` if the server is out of memory. `full` is the same script, permitted to run
    /// then.
    pub(crate) async fn run_or_retry_oom<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        full: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        match self.run(script).await {
            // An old server rejects the script's flags. The first error is more useful.
            Err(error) if error::is_full(&error) => self.run(full).await.map_err(|_| error),
            answer => answer,
        }
    }

    /// Runs a command, in the same way as `run`.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Pool, |mut wire| async move { command.query_async(&mut wire).await }).await
    }

    /// Runs a script on the shared connection, in one round trip. Retries on a new connection if that one is dead. So
    /// it must be harmless to run the script twice.
    pub(crate) async fn run_on_shared_connection<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Shared, |mut wire| async move { script.invoke_async(&mut wire).await }).await
    }

    /// Like `run_on_shared_connection`, but on a newly opened connection. Ends the epoch of all earlier connections.
    pub(crate) async fn run_on_new_shared_connection<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        self.link.drop_epoch(self.link.dialer().epochs.present());
        self.run_on_shared_connection(script).await
    }

    /// Opens a connection of the caller's own, for blocking reads. Its replies have the time limit `patience` instead
    /// of the call's deadline.
    pub(crate) async fn dedicated_connection(&self, patience: Duration) -> StoreResult<Wire> {
        let dial = self.link.dialer().dial(Some(patience));
        self.with_deadline(async { dial.await.map_err(|error| error::connect_error(&error)) }).await
    }

    /// Opens a new connection, which proves that it leads to a primary. If a call has failed since the last proof, also
    /// writes a Redis key on a pooled connection.
    pub(crate) async fn prove(&self) -> StoreResult<()> {
        let dialer = self.link.dialer();
        self.with_deadline(async { dialer.dial(None).await.map_err(|error| error::connect_error(&error)) }).await?;
        if dialer.epochs.has_failed() {
            self.command::<()>(redis::cmd("SET").arg(READY).arg(1).arg("PX").arg(1)).await?;
            dialer.epochs.record_write();
        }
        Ok(())
    }

    /// Sends a request on the given connection. Retries on another connection if the server reports that it is not a
    /// primary, since it has then done nothing, or if the shared connection is dead.
    async fn send_with_retry<T, F>(
        &self,
        way: CallTarget,
        question: impl Fn(MultiplexedConnection) -> F,
    ) -> StoreResult<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.with_deadline(async {
            let lent = self.link.lend(way).await?;
            let mut answer = question(lent.connection.clone()).await;
            if let Err(error) = &answer
                && (error::is_demoted(error) || way == CallTarget::Shared && error.is_unrecoverable_error())
            {
                self.link.drop_epoch(lent.epoch);
                drop(lent);
                let lent = self.link.lend(way).await?;
                answer = question(lent.connection.clone()).await;
                if answer.as_ref().is_err_and(error::is_demoted) {
                    self.link.drop_epoch(lent.epoch);
                }
            }
            answer.map_err(|error| error::command_error(&error))
        })
        .await
    }

    /// Runs the work with the call's deadline. All deadlines are enforced here.
    async fn with_deadline<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let epochs = &self.link.dialer().epochs;
        let epoch = epochs.present();
        let Ok(result) = timeout(self.ends.saturating_sub(epochs.now()), work).await else {
            // A connection whose peer vanished never reports an error, so no connection of this epoch is used again.
            self.link.drop_epoch(epoch);
            return Err(StoreError::Unavailable(format!("no answer within {:?}", self.link.dialer().deadline)));
        };
        if matches!(result, Err(StoreError::Unavailable(_))) {
            epochs.record_failure();
        }
        result
    }
}
