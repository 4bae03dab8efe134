//! Wake-ups: a short stream to which every script that changes a key adds an entry.

use crate::{
    RedisStore,
    dial::{Dialer, Wire},
    error,
    scripts::WAKES,
};
use async_trait::async_trait;
use dalston_store::{ChangeNotifier, StoreError, StoreResult};
use deadpool::managed::Pool;
use redis::{RedisResult, aio::MultiplexedConnection};
use std::{pin::Pin, time::Duration};

/// How long the server waits for a change before it replies that there was none.
const HOLD: Duration = Duration::from_millis(500);
/// The time limit of a reply. A frozen server leaves its connections open, so a later reply is not to be expected.
const PATIENCE: Duration = Duration::from_secs(1);

/// An entry of the stream: its id and its fields.
type StreamEntry = (String, Vec<String>);
/// The new entries, by stream; `None` if there are none.
type Added = Option<Vec<(String, Vec<StreamEntry>)>>;

/// Reads the stream on a connection of its own, which a blocking read occupies.
pub(crate) struct Listener {
    pool: Pool<Dialer>,
    wire: Wire,
    /// The id of the last entry that was read.
    last: String,
    /// The request without a reply so far. It goes on if the caller stops waiting.
    asked: Option<Pin<Box<dyn Future<Output = RedisResult<Added>> + Send>>>,
}

impl Listener {
    /// Begins to listen, for entries that are added from now on.
    pub(crate) async fn open(store: &RedisStore) -> StoreResult<Self> {
        let wire = store.link.call().dedicated_connection(PATIENCE).await?;
        let mut connection = wire.connection.clone();
        let mut newest = redis::cmd("XREVRANGE");
        let newest =
            newest.arg(WAKES).arg(&["+", "-", "COUNT", "1"]).query_async::<Vec<StreamEntry>>(&mut connection).await;
        let newest = newest.map_err(|error| error::command_error(&error))?.pop();
        let last = newest.map_or_else(|| "0-0".to_owned(), |(id, _)| id);
        Ok(Self { pool: store.link.pool.clone(), wire, last, asked: None })
    }
}

/// Asks for the entries after `last`.
async fn ask(mut connection: MultiplexedConnection, last: String) -> RedisResult<Added> {
    let mut read = redis::cmd("XREAD");
    read.arg("BLOCK").arg(HOLD.as_millis().to_string()).arg("STREAMS").arg(WAKES).arg(last);
    read.query_async(&mut connection).await
}

#[async_trait]
impl ChangeNotifier for Listener {
    async fn next(&mut self) -> StoreResult<()> {
        loop {
            let asked =
                self.asked.get_or_insert_with(|| Box::pin(ask(self.wire.connection.clone(), self.last.clone())));
            let answer = tokio::select! {
                answer = asked => answer,
                () = self.pool.manager().epochs.ended(self.wire.epoch) => {
                    return Err(StoreError::unavailable("the connection may not lead to the primary any more"));
                }
            };
            self.asked = None;
            let added = answer.map_err(|error| error::command_error(&error))?.unwrap_or_default();
            if let Some((id, _)) = added.into_iter().flat_map(|(_, entries)| entries).next_back() {
                self.last = id;
                return Ok(());
            }
        }
    }
}
