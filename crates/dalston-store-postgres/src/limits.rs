//! The counter that several nodes share, in Postgres: a call each of the functions of `migrations/postgres`.

use crate::{PostgresStore, row};
use async_trait::async_trait;
use dalston_model::{KeyId, RateLimit, Timestamp};
use dalston_store::{Granted, LeaseRequest, LimitStore, StoreResult, Taken};
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

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<Granted> {
        let LeaseRequest { id, limit, want, closed } = request;
        let ids: Vec<_> = closed.iter().map(|closed| *closed.id.as_uuid()).collect();
        let (mut spent_ids, mut spent_slots, mut spent_units) = (Vec::new(), Vec::new(), Vec::new());
        for closed in closed {
            for (slot, units) in closed.slots() {
                spent_ids.push(*closed.id.as_uuid());
                spent_slots.push(slot);
                spent_units.push(i64::from(units));
            }
        }
        self.call(async {
            let sql = "SELECT units, now_at, starts, ends, used, frees_in \
                       FROM lend_units($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let query = sqlx::query(sql).bind(key.as_uuid()).bind(i64::from(limit.get())).bind(self.now());
            let query = query.bind(id.as_uuid()).bind(i64::from(*want));
            let query = query.bind(&ids).bind(&spent_ids).bind(&spent_slots).bind(&spent_units);
            let row = query.fetch_one(&mut *self.lease().await?).await?;
            let at = |column| row.try_get(column).map(Timestamp::from_micros);
            Ok(Granted {
                units: u32::try_from(row::count(&row, "units")?).unwrap_or_default(),
                now: at("now_at")?,
                starts: at("starts")?,
                ends: at("ends")?,
                used: u32::try_from(row::count(&row, "used")?).unwrap_or(u32::MAX),
                frees_in: Duration::from_micros(row::count(&row, "frees_in")?),
            })
        })
        .await
    }
}
