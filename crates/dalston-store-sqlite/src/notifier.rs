//! Change notifications by polling the number of the last change, because a file sends no messages.

use crate::{SqliteStore, within};
use async_trait::async_trait;
use dalston_store::{ChangeNotifier, StoreResult};
use sqlx::{ConnectOptions, SqliteConnection};
use std::time::Duration;

/// The interval between two polls.
const PAUSE: Duration = Duration::from_millis(20);

/// One index lookup. `PRAGMA data_version` would cost as much, and could not distinguish keys from jobs and usage.
pub(crate) const LAST_CHANGED: &str = "SELECT ifnull(max(changed), 0) FROM keys";

/// Polls on its own connection, so that it neither waits for other readers nor delays them.
pub(crate) struct FileWatch {
    connection: SqliteConnection,
    deadline: Duration,
    seen: i64,
}

impl FileWatch {
    /// Opens the connection and reads the present number.
    pub(crate) async fn open(store: &SqliteStore) -> StoreResult<Self> {
        store
            .call(async {
                let mut connection = store.connect.clone().pragma("query_only", "on").connect().await?;
                let seen = sqlx::query_scalar(LAST_CHANGED).fetch_one(&mut connection).await?;
                Ok(Self { connection, deadline: store.deadline, seen })
            })
            .await
    }
}

#[async_trait]
impl ChangeNotifier for FileWatch {
    async fn next(&mut self) -> StoreResult<()> {
        loop {
            let look = sqlx::query_scalar(LAST_CHANGED).fetch_one(&mut self.connection);
            let last = within(self.deadline, look).await?;
            if self.seen != last {
                self.seen = last;
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
