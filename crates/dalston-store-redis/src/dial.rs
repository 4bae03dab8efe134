//! Opening connections, and what each of them must prove: that its server takes writes.

use crate::error;
use dalston_store::Epochs;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, InfoDict, RedisError, RedisResult, aio::MultiplexedConnection,
};
use std::time::Duration;
use tokio::{runtime::Handle, time::timeout};

/// A key that never is. To delete it writes nothing, not even to the append-only file; a server that takes no writes
/// refuses it all the same: a replica, and a master that has lost the replicas that `min-replicas-to-write` asks for.
const WRITE_PROBE_KEY: &str = "dalston:primary";

/// Opens connections, all of them in the runtime that the store was opened in.
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
    /// A new connection to a primary. `patience`: how long an answer on it may take; without, a call has its own
    /// deadline.
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
            // At once, in one round trip. Who may not ask for the identity goes without.
            let (mut asking, mut proving) = (connection.clone(), connection.clone());
            let mut info = redis::cmd("INFO");
            let (identity, proof) =
                tokio::join!(info.arg("server").query_async::<InfoDict>(&mut asking), prove(&mut proving));
            proof?;
            Ok::<_, RedisError>((connection, identity.ok().and_then(|info| info.get::<String>("run_id"))))
        };
        // Whoever waits for it may go away, and no connection may outlive the deadline unfinished.
        let opened = self.home.spawn(async move { timeout(deadline, open).await }).await;
        let (connection, identity) = opened.map_err(error::ended)?.map_err(error::ended)??;
        let epoch = identity.map_or(epoch, |identity| self.epochs.leads_to(&identity, epoch, began));
        Ok(Wire { connection, epoch })
    }
}

/// Has the server say that it takes writes. One whose disk is in trouble does as well: it is a primary all the same.
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

    /// In the place of a ping: what a change did is not known when it is lost on the way.
    async fn recycle(&self, wire: &mut Wire, _: &Metrics) -> RecycleResult<RedisError> {
        if wire.epoch != self.epochs.present() {
            return Err(RecycleError::message("its epoch is over"));
        }
        Ok(prove(&mut wire.connection).await.inspect_err(|_| self.epochs.end(wire.epoch))?)
    }
}
