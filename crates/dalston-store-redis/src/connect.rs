//! Connecting: the pool, and what a server must be to keep keys.

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

/// Where the server is, and how to talk to it.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/db]` or `redis+unix:///path[?db=N&user=…&pass=…]`.
    pub url: String,
    /// After how long a call that has no answer is unavailable.
    pub deadline: Duration,
    /// The greatest number of pooled connections.
    pub connections: usize,
    /// Whether a server will do that forgets revocations when it dies, or drops keys when its memory is full.
    pub allow_volatile: bool,
}

/// Shows no password: the URL is left out.
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

/// What a Redis user must be permitted to do, as its access control list says it.
pub const PERMISSIONS: &str = "~dalston:* +@read +@write +@scripting +@connection +info +time";

/// Why there is no store. Shows no password.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// The server may lose acknowledged changes, among them revocations. Says which setting to change.
    #[error("the Redis server may lose acknowledged changes: {0}")]
    Volatile(&'static str),
    /// The server is a part of a cluster: a change has its keys on several of its servers.
    #[error("a Redis cluster is not supported: use one primary, with or without replicas")]
    Cluster,
    /// The user of the URL may not run what the store needs.
    #[error("the Redis user lacks permissions: it needs `{PERMISSIONS}`")]
    Forbidden,
    /// It cannot be asked, or the URL leads to none.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a call takes at most, unless the options say otherwise.
const DEADLINE: Duration = Duration::from_secs(5);
/// Connections, unless the options say otherwise.
const CONNECTIONS: usize = 16;

/// Connects to the database of this URL, and goes by the clock of its server, which must keep what it acknowledges. A call
/// that takes longer than five seconds is [`StoreError::Unavailable`](dalston_store::StoreError). See
/// [`RedisStore::connect`].
pub async fn open(url: impl Into<String>) -> Result<Arc<RedisStore>, ConnectError> {
    let options = RedisOptions { url: url.into(), deadline: DEADLINE, connections: CONNECTIONS, allow_volatile: false };
    Ok(Arc::new(RedisStore::connect(&options, None).await?))
}

impl RedisStore {
    /// Connects, and makes the tenant `default` on an empty server. Without a clock the server's own decides about
    /// ends and windows. All connections live in the Tokio runtime that this is called in, which must outlive all
    /// users of the store.
    ///
    /// [`ConnectError::Volatile`] unless the server has an append-only file and never evicts, or the options allow it;
    /// [`ConnectError::Cluster`], [`ConnectError::Forbidden`]; [`ConnectError::Store`] when it does not answer.
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
