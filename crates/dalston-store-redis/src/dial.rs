//! Opens connections, and checks that their server accepts writes.

use crate::error;
use dalston_store::Epochs;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, InfoDict, RedisError, RedisResult, aio::MultiplexedConnection,
};
use std::time::Duration;
use tokio::{runtime::Handle, time::timeout};

/// A Redis key that never exists. Deleting it writes nothing, not even to the append-only file. But a server that
/// accepts no writes refuses the command: a replica, or a master that has fewer replicas than `min-replicas-to-write`.
const WRITE_PROBE_KEY: &str = "dalston:primary";

/// Opens connections, all of them in the runtime in which the store was opened.
pub(crate) struct Dialer {
    pub(crate) server: ConnectionInfo,
    pub(crate) home: Handle,
    pub(crate) epochs: Epochs,
    pub(crate) deadline: Duration,
}

/// A connection, and the epoch that it belongs to.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) epoch: u64,
}

impl Dialer {
    /// Opens a new connection to a primary. `patience` is the time limit of each reply; without it, the deadline of the
    /// call applies.
    pub(crate) async fn dial(&self, patience: Option<Duration>) -> RedisResult<Wire> {
        let mut wire = self.reach(patience).await?;
        if wire.epoch != self.epochs.present() {
            wire = self.reach(patience).await?;
        }
        Ok(wire)
    }

    async fn reach(&self, patience: Option<Duration>) -> RedisResult<Wire> {
        let (epoch, deadline, began) = (self.epochs.present(), self.deadline, self.epochs.now());
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(patience);
        let server = deadpool_redis::Manager::new_with_config(self.server.clone(), settings)?;
        let open = async move {
            let connection = server.create().await?;
            // Both at once, in one round trip. Works without the identity if the user may not read it.
            let (mut asking, mut proving) = (connection.clone(), connection.clone());
            let mut info = redis::cmd("INFO");
            let (identity, proof) =
                tokio::join!(info.arg("server").query_async::<InfoDict>(&mut asking), prove(&mut proving));
            proof?;
            Ok::<_, RedisError>((connection, identity.ok().and_then(|info| info.get::<String>("run_id"))))
        };
        // The task has a time limit of its own, because the caller may be cancelled while it waits, and no half-open
        // connection may outlive the deadline.
        let opened = self.home.spawn(async move { timeout(deadline, open).await }).await;
        let (connection, identity) = opened.map_err(error::ended)?.map_err(error::ended)??;
        let epoch = identity.map_or(epoch, |identity| self.epochs.record_server(&identity, epoch, began));
        Ok(Wire { connection, epoch })
    }
}

/// Checks that the server accepts writes. A server with disk trouble (MISCONF) passes: it is a primary.
async fn prove(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    match Cmd::del(WRITE_PROBE_KEY).query_async::<()>(connection).await {
        Err(error) if error.code() == Some("MISCONF") => Ok(()),
        proof => proof,
    }
}

impl Manager for Dialer {
    type Type = Wire;
    type Error = RedisError;

    async fn create(&self) -> RedisResult<Wire> {
        self.dial(None).await
    }

    /// Checks the connection before each use, instead of a ping: if a change were lost on the way, its outcome would be
    /// unknown.
    async fn recycle(&self, wire: &mut Wire, _: &Metrics) -> RecycleResult<RedisError> {
        if wire.epoch != self.epochs.present() {
            return Err(RecycleError::message("its epoch is over"));
        }
        Ok(prove(&mut wire.connection).await.inspect_err(|_| self.epochs.end(wire.epoch))?)
    }
}
