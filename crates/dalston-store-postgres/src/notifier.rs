//! Wake-ups by NOTIFY: a trigger of the server sends a message with each change of a key.

use crate::{PostgresStore, dial::Dialer, error};
use async_trait::async_trait;
use dalston_store::{ChangeNotifier, Epochs, StoreError, StoreResult};
use sqlx::{
    Acquire, Connection,
    postgres::{PgListener, PgPoolOptions},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// The channel of the trigger.
const CHANNEL: &str = "dalston_keys";
/// A connection that was silent for this long is pinged, and must answer within the same time.
const SILENCE: Duration = Duration::from_millis(500);

/// Listens on a connection of its own, until the epoch in which it was opened ends.
pub(crate) struct Listener {
    channel: PgListener,
    epoch: u64,
    epochs: Arc<Epochs>,
}

impl Listener {
    /// Begins to listen: receives a message for each later commit.
    pub(crate) async fn open(store: &PostgresStore) -> StoreResult<Self> {
        let Dialer { server, home, epochs, deadline, .. } = store.link.dialer();
        let (server, epochs, epoch, deadline) = (server.clone(), epochs.clone(), epochs.present(), *deadline);
        let open = async move {
            // The driver's listener takes its connection from a pool only.
            let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
            let mut listener = PgListener::connect_with(&pool.connect_lazy_with(server)).await?;
            // No silent reconnect: messages sent meanwhile would be lost, so the caller must know and read the feed.
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(Self { channel: listener, epoch, epochs })
        };
        let opened = home.spawn(async move { timeout(deadline, open).await });
        store.call(async { opened.await.map_err(error::ended)?.map_err(error::ended)? }).await
    }

    async fn ping(&mut self) -> sqlx::Result<()> {
        self.channel.acquire().await?.ping().await
    }
}

#[async_trait]
impl ChangeNotifier for Listener {
    async fn next(&mut self) -> StoreResult<()> {
        loop {
            let heard = tokio::select! {
                heard = timeout(SILENCE, self.channel.try_recv()) => heard,
                () = self.epochs.ended(self.epoch) => {
                    return Err(StoreError::unavailable("the connection may not lead to the primary any more"));
                }
            };
            match heard {
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
