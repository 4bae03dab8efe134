//! The counter that several nodes share, in Postgres: one call of a function of `migrations/postgres/0002_limits.sql`.

use crate::{PostgresStore, row};
use async_trait::async_trait;
use dalston_model::{KeyId, RateLimit};
use dalston_store::{LimitStore, StoreResult, Taken};
use sqlx::Row;
use std::time::Duration;

#[async_trait]
impl LimitStore for PostgresStore {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Taken> {
        self.call(async {
            let sql = "SELECT admitted, used, frees_in FROM take_unit($1, $2, $3)";
            let query = sqlx::query(sql).bind(key.as_uuid()).bind(i64::from(limit.get())).bind(self.now());
            let row = query.fetch_one(&mut *self.lease().await?).await?;
            Ok(Taken {
                admitted: row.try_get("admitted")?,
                used: u32::try_from(row::count(&row, "used")?).unwrap_or(u32::MAX),
                frees_in: Duration::from_micros(row::count(&row, "frees_in")?),
            })
        })
        .await
    }
}
