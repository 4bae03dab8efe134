//! The connections to the server, and the deadline of every call on them.

use crate::error;
use dalston_store::{StoreError, StoreResult};
use deadpool_redis::{Connection, Pool};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, ScriptInvocation, aio::MultiplexedConnection,
};
use std::{future::Future, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// The connections: a pool whose connections prove that they live before each use, and one line that many look-ups
/// share, which are not worth a second round trip.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) line: Mutex<Option<MultiplexedConnection>>,
    pub(crate) deadline: Duration,
}

/// One call of a trait's method: its round trips have one deadline together.
pub(crate) struct Call<'a> {
    link: &'a Link,
    ends: Instant,
}

/// How connections are made. No time of their own: a call has its deadline.
pub(crate) fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

impl Link {
    /// Begins a call.
    pub(crate) fn call(&self) -> Call<'_> {
        Call { link: self, ends: Instant::now() + self.deadline }
    }

    /// Gives out no more connections. What is under way keeps its own.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.hang_up();
    }

    async fn line(&self) -> StoreResult<MultiplexedConnection> {
        let mut line = self.line.lock().await;
        if let Some(line) = &*line {
            return Ok(line.clone());
        }
        let new = Connection::take(self.pool.get().await.map_err(|error| error::pooling(&error))?);
        Ok(line.insert(new).clone())
    }

    /// Forgets the line. Whoever holds its lock is about to make another.
    fn hang_up(&self) {
        if let Ok(mut line) = self.line.try_lock() {
            *line = None;
        }
    }
}

impl Call<'_> {
    /// Runs a script on a connection that is known to live: what a change did is not known when it is lost on the way.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> StoreResult<T> {
        self.bounded(async {
            let mut connection = self.link.pool.get().await.map_err(|error| error::pooling(&error))?;
            script.invoke_async(&mut connection).await.map_err(|error| error::answering(&error))
        })
        .await
    }

    /// The answer to a command, as in `run`.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        self.bounded(async {
            let mut connection = self.link.pool.get().await.map_err(|error| error::pooling(&error))?;
            command.query_async(&mut connection).await.map_err(|error| error::answering(&error))
        })
        .await
    }

    /// Runs a script on the shared line, in one round trip; once more on a new line when that one is dead. So the
    /// script must do no harm when it runs twice.
    pub(crate) async fn look<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> StoreResult<T> {
        self.bounded(async {
            let first = script.invoke_async(&mut self.link.line().await?).await;
            let answer = match first {
                Err(error) if error.is_unrecoverable_error() => {
                    self.link.hang_up();
                    script.invoke_async(&mut self.link.line().await?).await
                }
                answer => answer,
            };
            answer.map_err(|error: RedisError| error::answering(&error))
        })
        .await
    }

    /// A new connection for what waits, outside the deadline: an answer on it may take as long as `patience`.
    pub(crate) async fn apart(&self, patience: Duration) -> StoreResult<MultiplexedConnection> {
        self.bounded(async {
            let settings = settings().set_response_timeout(Some(patience));
            let connection = self.link.client.get_multiplexed_async_connection_with_config(&settings).await;
            connection.map_err(|error| error::connecting(&error))
        })
        .await
    }

    /// Opens a new connection and has it answer.
    pub(crate) async fn greet(&self) -> StoreResult<()> {
        self.bounded(async {
            let connection = self.link.client.get_multiplexed_async_connection_with_config(&settings()).await;
            let mut connection = connection.map_err(|error| error::connecting(&error))?;
            redis::cmd("PING").query_async(&mut connection).await.map_err(|error| error::answering(&error))
        })
        .await
    }

    /// The one place where a deadline is kept.
    async fn bounded<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        if let Ok(result) = timeout_at(self.ends, work).await {
            return result;
        }
        // A connection whose peer vanished never says so: none of them is asked again.
        self.link.pool.retain(|_, _| false);
        self.link.hang_up();
        Err(StoreError::Unavailable(format!("no answer within {:?}", self.link.deadline)))
    }
}
