//! Opens the storage engine of a store URL.

use crate::StoreUrl;
use anyhow::{Context, Result, anyhow};
use dalston_model::SharedClock;
use dalston_store::LimitStore;
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_redis::{ConnectError, RedisOptions, RedisStore};
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::{MemoryWorkStore, SharedWorkStorage};
use std::{sync::Arc, time::Duration};

/// Timeout of a store call; a call that takes longer counts as an outage.
const DEADLINE: Duration = Duration::from_secs(2);
/// Size of the connection pool of a server store.
const CONNECTIONS: u8 = 16;

/// An open storage engine.
pub struct OpenedStores {
    /// The store.
    pub store: SharedWorkStorage,
    /// Its rate-limit counter, if it has one that nodes share.
    pub limits: Option<Arc<dyn LimitStore>>,
}

/// Opens the engine of a URL and migrates its schema to the current version. Embedded engines use `clock`, the node's;
/// servers use their own.
pub async fn open(url: &StoreUrl, allow_volatile: bool, clock: &SharedClock) -> Result<OpenedStores> {
    match url {
        StoreUrl::Memory => Ok(OpenedStores { store: Arc::new(MemoryWorkStore::new(clock.clone())), limits: None }),
        StoreUrl::Sqlite(path) => {
            let options = SqliteOptions { path: path.clone(), deadline: DEADLINE };
            let store = SqliteStore::open_with_work(&options, clock.clone()).await;
            let store = store.with_context(|| format!("the database {} cannot be opened", path.display()))?;
            Ok(OpenedStores { store: Arc::new(store), limits: None })
        }
        StoreUrl::Postgres(url) => {
            let options = PostgresOptions { url: url.to_string(), deadline: DEADLINE, connections: CONNECTIONS.into() };
            let store = PostgresStore::connect_with_work(&options, None).await;
            let store = Arc::new(store.context("the Postgres store cannot be opened")?);
            Ok(OpenedStores { store: store.clone(), limits: Some(store) })
        }
        StoreUrl::Redis(url) => {
            let options = RedisOptions {
                url: url.to_string(),
                deadline: DEADLINE,
                connections: CONNECTIONS.into(),
                allow_volatile,
            };
            let store = RedisStore::connect(&options, None).await;
            let store = store.map_err(|error| {
                let accept = match error {
                    ConnectError::Volatile(_) => ". DALSTON_ALLOW_VOLATILE=true accepts that loss",
                    _ => "",
                };
                anyhow!("the Redis store of DALSTON_STORE or DALSTON_RATE_STORE cannot be opened: {error}{accept}")
            });
            let store = Arc::new(store?);
            Ok(OpenedStores { store: store.clone(), limits: Some(store) })
        }
    }
}
