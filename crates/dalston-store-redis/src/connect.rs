//! Connects to a server, and checks that it can keep keys safely.

use crate::{
    RedisStore,
    call::{Link, StoreCall},
    dial::Dialer,
    error,
    scripts::{self, SCRIPTS},
};
use dalston_model::{SharedClock, SystemClock, TenantId};
use dalston_store::{Epochs, StoreError, StoreResult};
use deadpool::managed::Pool;
use redis::{InfoDict, IntoConnectionInfo};
use std::{fmt, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::runtime::Handle;

/// Where the server is, and how to use it.
#[derive(Clone)]
pub struct RedisOptions {
    /// The connection URL: `redis://[user:password@]host[:port][/db]` or `redis+unix:///path[?db=N&user=…&pass=…]`.
    pub url: String,
    /// The time limit of a call. A call that takes longer fails as unavailable.
    pub deadline: Duration,
    /// The maximum number of pooled connections.
    pub connections: usize,
    /// Whether to accept a server that loses revocations when it crashes, or evicts keys when its memory is full.
    pub allow_volatile: bool,
}

/// Does not show the password: leaves the URL out.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, deadline, connections, allow_volatile } = self;
        f.debug_struct("RedisOptions")
            .field("deadline", deadline)
            .field("connections", connections)
            .field("allow_volatile", allow_volatile)
            .finish_non_exhaustive()
    }
}

/// The permissions that the Redis user needs, in the syntax of a Redis access control list.
pub const PERMISSIONS: &str = "~dalston:* +@read +@write +@scripting +@connection +info +time";

/// Why connecting failed. Shows no password.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// The server may lose acknowledged changes, among them revocations. Says which setting to change.
    #[error("the Redis server may lose acknowledged changes: {0}")]
    Volatile(&'static str),
    /// The server is part of a cluster, where the Redis keys of one change lie on several servers.
    #[error("a Redis cluster is not supported: use one primary, with or without replicas")]
    Cluster,
    /// The user of the URL may not run the commands that the store needs.
    #[error("the Redis user lacks permissions: it needs `{PERMISSIONS}`")]
    Forbidden,
    /// The server did not answer, or the URL is invalid.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The default time limit of a call.
const DEADLINE: Duration = Duration::from_secs(5);
/// The default maximum number of connections.
const CONNECTIONS: usize = 16;

/// Connects to the database of this URL.
///
/// The store uses the clock of the server. The server must keep what it acknowledges. A call that takes longer than
/// five seconds fails with [`StoreError::Unavailable`](dalston_store::StoreError). See [`RedisStore::connect`] for the
/// errors.
pub async fn open(url: impl Into<String>) -> Result<Arc<RedisStore>, ConnectError> {
    let options = RedisOptions { url: url.into(), deadline: DEADLINE, connections: CONNECTIONS, allow_volatile: false };
    Ok(Arc::new(RedisStore::connect(&options, None).await?))
}

impl RedisStore {
    /// Connects, and inserts the tenant `default` unless it exists.
    ///
    /// Expiry times and rate limit windows are measured by `clock`, or by the server's clock if it is `None`. All
    /// connections live in the Tokio runtime of the caller, which must outlive all users of the store.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Volatile`] unless the server has an append-only file and never evicts keys, or the options allow
    /// volatile servers; [`ConnectError::Cluster`]; [`ConnectError::Forbidden`]; [`ConnectError::Store`] if the server
    /// does not answer.
    pub async fn connect(options: &RedisOptions, clock: Option<SharedClock>) -> Result<Self, ConnectError> {
        Self::reach(options, clock).await.map_err(|error| match error {
            ConnectError::Store(error) if error::is_of_cluster(&error) => ConnectError::Cluster,
            ConnectError::Store(error) if error::is_forbidden(&error) => ConnectError::Forbidden,
            error => error,
        })
    }

    async fn reach(options: &RedisOptions, clock: Option<SharedClock>) -> Result<Self, ConnectError> {
        let spans = clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        let link = link(options, spans).map_err(|error| error::connect_error(&error))?;
        let store = Self {
            link,
            clock,
            #[cfg(feature = "work")]
            work: crate::work::WorkMemo::default(),
        };
        let call = store.link.call();
        if !options.allow_volatile {
            durable(&call).await?;
        }
        let mut script = scripts::tenant(&SCRIPTS.insert_tenant, &TenantId::default());
        call.run::<u8>(script.arg(&["", "", "", &store.now()])).await?;
        Ok(store)
    }
}

fn link(options: &RedisOptions, clock: SharedClock) -> redis::RedisResult<Link> {
    let server = options.url.as_str().into_connection_info()?;
    let epochs = Epochs::new(clock);
    let dialer = Dialer { server, home: Handle::current(), epochs, deadline: options.deadline };
    let pool = Pool::builder(dialer).max_size(options.connections.max(1)).build();
    Ok(Link::new(pool.map_err(|_| (redis::ErrorKind::InvalidClientConfig, "the pool cannot be built"))?))
}

async fn durable(call: &StoreCall<'_>) -> Result<(), ConnectError> {
    let info = |section| async move { call.command::<InfoDict>(redis::cmd("INFO").arg(section)).await };
    if info("cluster").await?.get::<u8>("cluster_enabled") == Some(1) {
        return Err(ConnectError::Cluster);
    }
    let persistence: StoreResult<InfoDict> = info("persistence").await;
    if persistence?.get::<u8>("aof_enabled") != Some(1) {
        return Err(ConnectError::Volatile("it has no append-only file (set `appendonly yes`)"));
    }
    let memory = info("memory").await?;
    let bounded = memory.get::<u64>("maxmemory") != Some(0);
    if bounded && memory.get::<String>("maxmemory_policy").as_deref() != Some("noeviction") {
        return Err(ConnectError::Volatile("it evicts keys (set `maxmemory-policy noeviction`)"));
    }
    Ok(())
}
