//! The connections to the server, and the deadline of every call on them.

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

/// So often at least it is looked whether the address leads to another server by now.
const PRIMARY_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A key that is written, and ends at once, to see whether that works.
const READY: &str = "dalston:ready";

/// The connections: a pool whose connections prove before each use that they lead to a primary, and one line that many
/// look-ups share, which are not worth a second round trip. What changed is asked on that line too: so the server that
/// keys are read from is the one whose record is known.
pub(crate) struct Link {
    pub(crate) pool: Pool<Dialer>,
    pub(crate) line: Mutex<Option<Wire>>,
    /// When the address was last looked at, by the clock of the epochs.
    looked: SyncMutex<Duration>,
}

/// One call of a trait's method: its round trips have one deadline together.
pub(crate) struct StoreCall<'a> {
    link: &'a Link,
    /// By the clock of the epochs.
    ends: Duration,
}

/// A connection for one question.
enum PooledConnection {
    Pooled(Object<Dialer>),
    Shared(Wire),
}

/// Where a question goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallTarget {
    Pool,
    Line,
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
    /// Without any connection yet.
    pub(crate) fn new(pool: Pool<Dialer>) -> Self {
        let looked = SyncMutex::new(pool.manager().epochs.now());
        Self { pool, line: Mutex::new(None), looked }
    }

    /// Begins a call.
    pub(crate) fn call(&self) -> StoreCall<'_> {
        let now = self.check_primary_in_background(PRIMARY_CHECK_INTERVAL);
        StoreCall { link: self, ends: now + self.dialer().deadline }
    }

    /// Gives out no more connections. What is under way keeps its own.
    pub(crate) fn close(&self) {
        self.pool.close();
        if let Ok(mut line) = self.line.try_lock() {
            *line = None;
        }
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// How long ago it was last looked where the address leads. When that is longer ago than `within`, it is looked again.
    pub(crate) fn time_since_primary_check(&self, within: Duration) -> Duration {
        self.check_primary_in_background(within);
        self.dialer().epochs.doubt()
    }

    /// Opens a connection from time to time, beside all others and without waiting for it: an old server that goes on
    /// answering as a primary cannot be told from the right one on the connections that lead to it. Returns the time now.
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

    /// Uses no connection of the epoch any more.
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
    /// Runs a script on a connection that has just proved itself: what a change did is not known when it is lost on the
    /// way.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Pool, |mut wire| async move { script.invoke_async(&mut wire).await }).await
    }

    /// As `run`; once more by `full` where the server has no memory left, and that is the same script for such a case.
    pub(crate) async fn run_even_full<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        full: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        match self.run(script).await {
            // A server that knows no such scripts says so: the first error tells more.
            Err(error) if error::is_full(&error) => self.run(full).await.map_err(|_| error),
            answer => answer,
        }
    }

    /// The answer to a command, as in `run`.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Pool, |mut wire| async move { command.query_async(&mut wire).await }).await
    }

    /// Runs a script on the shared line, in one round trip; once more on a new line when that one is dead. So the
    /// script must do no harm when it runs twice.
    pub(crate) async fn run_on_shared_connection<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        self.send_with_retry(CallTarget::Line, |mut wire| async move { script.invoke_async(&mut wire).await }).await
    }

    /// As `look`, on a line that is opened for it: none that was there before is used any more.
    pub(crate) async fn run_on_new_shared_connection<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        self.link.drop_epoch(self.link.dialer().epochs.present());
        self.run_on_shared_connection(script).await
    }

    /// A new connection for what waits, outside the deadline: an answer on it may take as long as `patience`.
    pub(crate) async fn dedicated_connection(&self, patience: Duration) -> StoreResult<Wire> {
        let dial = self.link.dialer().dial(Some(patience));
        self.with_deadline(async { dial.await.map_err(|error| error::connect_error(&error)) }).await
    }

    /// Opens a new connection, which proves itself; and when a call has failed since the last proof, has the server take
    /// a write of the pool too.
    pub(crate) async fn prove(&self) -> StoreResult<()> {
        let dialer = self.link.dialer();
        self.with_deadline(async { dialer.dial(None).await.map_err(|error| error::connect_error(&error)) }).await?;
        if dialer.epochs.is_ailing() {
            self.command::<()>(redis::cmd("SET").arg(READY).arg(1).arg("PX").arg(1)).await?;
            dialer.epochs.recovers();
        }
        Ok(())
    }

    /// Asks on the way that is given; once more on another connection when the server says that it is no primary, for
    /// then it has done nothing, and when the shared line is dead.
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
                && (error::is_demoted(error) || way == CallTarget::Line && error.is_unrecoverable_error())
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

    /// The one place where a deadline is kept.
    async fn with_deadline<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let epochs = &self.link.dialer().epochs;
        let epoch = epochs.present();
        let Ok(result) = timeout(self.ends.saturating_sub(epochs.now()), work).await else {
            // A connection whose peer vanished never says so: none of them is asked again.
            self.link.drop_epoch(epoch);
            return Err(StoreError::Unavailable(format!("no answer within {:?}", self.link.dialer().deadline)));
        };
        if matches!(result, Err(StoreError::Unavailable(_))) {
            epochs.ails();
        }
        result
    }
}
