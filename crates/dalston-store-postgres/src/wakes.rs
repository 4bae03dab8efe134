//! Wake-ups: messages of the server, which a trigger sends with each change of a key.

use crate::{PostgresStore, error};
use async_trait::async_trait;
use dalston_store::{StoreError, StoreResult, Wakes};
use sqlx::{
    Acquire, Connection,
    postgres::{PgListener, PgPoolOptions},
};
use std::time::Duration;
use tokio::time::timeout;

/// The channel of the trigger.
const CHANNEL: &str = "dalston_keys";
/// A connection that was silent for so long is asked whether it lives, and has as long to answer.
const SILENCE: Duration = Duration::from_millis(500);

/// Listens on a connection of its own.
pub(crate) struct Listener(PgListener);

impl Listener {
    /// Hears what is committed from here on.
    pub(crate) async fn open(store: &PostgresStore) -> StoreResult<Self> {
        store
            .call(async {
                // The driver's listener takes its connection from a pool only.
                let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
                let mut listener = PgListener::connect_with(&pool.connect_lazy_with(store.server.clone())).await?;
                // Not behind our back: what it would not hear meanwhile must be read.
                listener.eager_reconnect(false);
                listener.listen(CHANNEL).await?;
                Ok(Self(listener))
            })
            .await
    }

    async fn ping(&mut self) -> sqlx::Result<()> {
        self.0.acquire().await?.ping().await
    }
}

#[async_trait]
impl Wakes for Listener {
    async fn next(&mut self) -> StoreResult<()> {
        loop {
            match timeout(SILENCE, self.0.try_recv()).await {
                Ok(Ok(Some(_))) => return Ok(()),
                Ok(Ok(None)) => return Err(StoreError::unavailable("the server ended the connection that listens")),
                Ok(Err(cause)) => return Err(error::store(cause)),
                Err(_) => {
                    let answer = timeout(SILENCE, self.ping()).await;
                    answer.map_err(|_| error::late(SILENCE))?.map_err(error::store)?;
                }
            }
        }
    }
}
