//! The operations on key-value entries.

use crate::SqliteStore;
use async_trait::async_trait;
use dalston_store::{KvStore, StoreResult};
use sqlx::{Row, sqlite::SqliteRow};
use std::time::Duration;

pub(crate) const FIND: &str = "SELECT text FROM notes WHERE name = ? AND lapses_at > ?";

const PUT: &str = "INSERT OR REPLACE INTO notes (name, text, lapses_at) VALUES (?, ?, ?)";

pub(crate) const TAKE: &str = "DELETE FROM notes WHERE name = ? RETURNING text, lapses_at > ? AS live";

/// Deletes a few more than each call adds (one), so that expired ones never accumulate and no call pays for many.
pub(crate) const SWEEP: &str =
    "DELETE FROM notes WHERE rowid IN (SELECT rowid FROM notes WHERE lapses_at <= ? LIMIT 4)";

#[async_trait]
impl KvStore for SqliteStore {
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>> {
        let find = sqlx::query_scalar(FIND).bind(name).bind(self.clock.now().as_micros());
        self.call(find.fetch_optional(&self.readers)).await
    }

    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            let find = sqlx::query_scalar(FIND).bind(name).bind(now.as_micros());
            let there: Option<String> = find.fetch_optional(&mut *change).await?;
            if there.as_deref() != expected {
                return Ok(false);
            }
            sqlx::query(SWEEP).bind(now.as_micros()).execute(&mut *change).await?;
            let put = sqlx::query(PUT).bind(name).bind(text).bind(now.plus(ttl).as_micros());
            put.execute(&mut *change).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>> {
        self.call(async {
            let mut change = self.change().await?;
            let take = sqlx::query(TAKE).bind(name).bind(self.clock.now().as_micros());
            let taken = take.try_map(|row: SqliteRow| Ok((row.try_get("text")?, row.try_get("live")?)));
            let taken: Option<(String, bool)> = taken.fetch_optional(&mut *change).await?;
            change.commit().await?;
            Ok(taken.and_then(|(text, live)| live.then_some(text)))
        })
        .await
    }
}
