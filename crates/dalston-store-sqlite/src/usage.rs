//! Usage counters: added beside the keys, in batches.

use crate::{SqliteStore, row};
use async_trait::async_trait;
use dalston_model::{Day, KeyId, RefusedRequests, TenantId, Timestamp, Usage, UsageDelta, UsageStep};
use dalston_store::{StoreResult, UsageStore};
use serde_json::{Value, json};
use sqlx::{Row, sqlite::SqliteRow};

/// The batch is one JSON parameter: two statements for all of it, however many keys it contains. Unknown keys drop out
/// of the join.
macro_rules! batch {
    () => {
        "FROM json_each(?) AS delta CROSS JOIN keys ON keys.id = delta.value ->> 'key'"
    };
}

pub(crate) const ADD: &str = concat!(
    "INSERT INTO key_usage (key_id, usage_count, rate_limited, insufficient_scope, last_used_at, last_used_from) ",
    "SELECT keys.id, delta.value ->> 'admitted', delta.value ->> 'rate_limited', ",
    "delta.value ->> 'insufficient_scope', delta.value ->> 'at', delta.value ->> 'from' ",
    batch!(),
    " WHERE true ON CONFLICT (key_id) DO UPDATE SET usage_count = usage_count + excluded.usage_count, ",
    "rate_limited = rate_limited + excluded.rate_limited, ",
    "insufficient_scope = insufficient_scope + excluded.insufficient_scope, ",
    // Both assignments see the row before the update. The later of the two uses is kept, together with its address.
    "last_used_at = iif(last_used_at >= excluded.last_used_at, last_used_at, ",
    "ifnull(excluded.last_used_at, last_used_at)), ",
    "last_used_from = iif(last_used_at >= excluded.last_used_at OR excluded.last_used_at IS NULL, ",
    "last_used_from, excluded.last_used_from)",
);

pub(crate) const ADD_DAYS: &str = concat!(
    "INSERT INTO key_usage_days (key_id, day, requests) ",
    "SELECT keys.id, delta.value ->> 'day', delta.value ->> 'admitted' ",
    batch!(),
    " WHERE delta.value ->> 'admitted' > 0 ",
    "ON CONFLICT (key_id, day) DO UPDATE SET requests = requests + excluded.requests",
);

/// Claims the number of the step, unless this or a higher number of the node was claimed before.
pub(crate) const TAKE: &str = "INSERT INTO usage_steps (node, number, taken, at) VALUES (?, ?, ?, ?) \
     ON CONFLICT (node) DO UPDATE SET number = excluded.number, taken = excluded.taken, at = excluded.at \
     WHERE number < excluded.number";

pub(crate) const TAKEN: &str = "SELECT taken FROM usage_steps WHERE node = ? AND number = ?";

/// The table keeps one row for each start of a node in the last month.
pub(crate) const FORGET: &str = "DELETE FROM usage_steps WHERE at < ?";

pub(crate) const FIND: &str = "SELECT usage_count, rate_limited, insufficient_scope, last_used_at, last_used_from FROM keys \
     LEFT JOIN key_usage ON key_id = id WHERE id = ? AND tenant_id = ?";

pub(crate) const DAYS: &str =
    "SELECT day, requests FROM key_usage_days WHERE key_id = ? AND day >= ? ORDER BY day DESC";

fn batched(delta: &UsageDelta) -> Value {
    let (at, from) = delta.last_used.unzip();
    json!({
        "key": delta.key.to_string(),
        "day": delta.day.number(),
        "admitted": row::count(delta.admitted),
        "rate_limited": row::count(delta.refused.rate_limited),
        "insufficient_scope": row::count(delta.refused.insufficient_scope),
        "at": at.map(Timestamp::as_micros),
        "from": from.flatten().map(|address| address.to_string()),
    })
}

#[async_trait]
impl UsageStore for SqliteStore {
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
        let batch = deltas.iter().map(batched).collect::<Value>().to_string();
        let (node, number) = (step.node.to_string(), row::count(step.number));
        let taken = u64::try_from(deltas.len()).unwrap_or(u64::MAX);
        let now = self.clock.now();
        self.call(async {
            let mut change = self.change().await?;
            let take = sqlx::query(TAKE).bind(&node).bind(number).bind(row::count(taken)).bind(now.as_micros());
            if take.execute(&mut *change).await?.rows_affected() == 0 {
                let taken = sqlx::query_scalar(TAKEN).bind(&node).bind(number).fetch_optional(&mut *change);
                return Ok(taken.await?.unwrap_or_default());
            }
            if step.number == 1 {
                sqlx::query(FORGET).bind(now.back(UsageStep::KEPT).as_micros()).execute(&mut *change).await?;
            }
            sqlx::query(ADD).bind(&batch).execute(&mut *change).await?;
            sqlx::query(ADD_DAYS).bind(&batch).execute(&mut *change).await?;
            change.commit().await?;
            Ok(taken)
        })
        .await
    }

    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>> {
        self.call(async {
            // Both reads need the same snapshot.
            let mut moment = self.readers.begin().await?;
            let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str());
            let Some(row) = find.fetch_optional(&mut *moment).await? else { return Ok(None) };
            let days = sqlx::query(DAYS)
                .bind(id.to_string())
                .bind(since.number())
                .try_map(|row: SqliteRow| Ok((Day::from_number(row.try_get("day")?), row.try_get("requests")?)))
                .fetch_all(&mut *moment)
                .await?;
            // A key that was never used has no row in `key_usage`.
            let total = |column| Ok::<_, sqlx::Error>(row.try_get::<Option<u64>, _>(column)?.unwrap_or_default());
            Ok(Some(Usage {
                usage_count: total("usage_count")?,
                last_used_at: row::time_if_any(&row, "last_used_at")?,
                last_used_from: row::parsed_if_any(&row, "last_used_from")?,
                refused: RefusedRequests {
                    rate_limited: total("rate_limited")?,
                    insufficient_scope: total("insufficient_scope")?,
                },
                days,
            }))
        })
        .await
    }
}
