//! The key-value store with expiry, in Postgres. Writes are not changes and take no change number: each is one
//! statement on its row.

use crate::PostgresStore;
use async_trait::async_trait;
use dalston_store::{KvStore, StoreResult};
use sqlx::{Row, postgres::PgRow};
use std::time::Duration;

const FIND: &str = "SELECT text FROM notes WHERE name = $1 AND lapses_at > coalesce($2, clock_timestamp())";

/// Inserts an entry, or replaces an expired one.
const INSERT: &str = "
    INSERT INTO notes AS kept (name, text, lapses_at)
    VALUES ($1, $2, coalesce($3, clock_timestamp()) + $4 * interval '1 microsecond')
    ON CONFLICT (name) DO UPDATE SET text = excluded.text, lapses_at = excluded.lapses_at
        WHERE kept.lapses_at <= coalesce($3, clock_timestamp())";

const REPLACE: &str = "
    UPDATE notes SET text = $2, lapses_at = coalesce($3, clock_timestamp()) + $4 * interval '1 microsecond'
    WHERE name = $1 AND text = $5 AND lapses_at > coalesce($3, clock_timestamp())";

const TAKE: &str = "
    DELETE FROM notes WHERE name = $1 RETURNING text, lapses_at > coalesce($2, clock_timestamp()) AS live";

/// Removes expired entries. Each put removes more than it adds, so expired entries do not accumulate. Skips entries
/// that other transactions have locked.
const SWEEP: &str = "
    DELETE FROM notes WHERE name = ANY (ARRAY(
        SELECT name FROM notes WHERE lapses_at <= coalesce($1, clock_timestamp())
        ORDER BY lapses_at LIMIT 4 FOR UPDATE SKIP LOCKED))";

fn text(row: &PgRow) -> sqlx::Result<String> {
    String::from_utf8(row.try_get("text")?).map_err(|error| sqlx::Error::Decode(error.into()))
}

#[async_trait]
impl KvStore for PostgresStore {
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>> {
        self.call(async {
            let query = sqlx::query(FIND).bind(name.as_bytes()).bind(self.now());
            query.try_map(|row| text(&row)).fetch_optional(&mut *self.lease().await?).await
        })
        .await
    }

    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            sqlx::query(SWEEP).bind(now).execute(&mut *lease).await?;
            let put = sqlx::query(if expected.is_some() { REPLACE } else { INSERT });
            let put = put.bind(name.as_bytes()).bind(text.as_bytes()).bind(now);
            let put = put.bind(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX));
            let put = if let Some(expected) = expected { put.bind(expected.as_bytes()) } else { put };
            Ok(put.execute(&mut *lease).await?.rows_affected() == 1)
        })
        .await
    }

    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>> {
        self.call(async {
            let query = sqlx::query(TAKE).bind(name.as_bytes()).bind(self.now());
            let taken = query.try_map(|row| Ok((text(&row)?, row.try_get::<bool, _>("live")?)));
            let taken = taken.fetch_optional(&mut *self.lease().await?).await?;
            Ok(taken.and_then(|(text, live)| live.then_some(text)))
        })
        .await
    }
}
