//! Usage counters, in Postgres. They read `keys` and never write it.

use crate::{PostgresStore, pg_timestamp::PgTimestamp, row};
use async_trait::async_trait;
use dalston_model::{Day, KeyId, RefusedRequests, TenantId, Usage, UsageDelta, UsageStep};
use dalston_store::{StoreResult, UsageStore};
use sqlx::Row;

/// Adds a batch of counts, and stores the number of the batch, unless this or a higher number of the node is stored.
/// One statement, so it is atomic. It locks the rows in the order of the keys, so two nodes that write at once cannot
/// deadlock.
const ADD: &str = "
    WITH step AS (
        INSERT INTO usage_steps AS kept (node, number, taken, at)
        VALUES ($8, $9, $10, coalesce($11, clock_timestamp()))
        ON CONFLICT (node) DO UPDATE SET number = excluded.number, taken = excluded.taken, at = excluded.at
            WHERE kept.number < excluded.number
        RETURNING taken
    ), given AS (
        SELECT added.* FROM step, unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::timestamptz[], $7::text[])
            AS added (key_id, day, admitted, rate_limited, insufficient_scope, used_at, used_from)
        JOIN keys ON keys.id = added.key_id
    ), days AS (
        INSERT INTO key_usage_days AS kept (key_id, day, requests)
        SELECT key_id, day, sum(admitted) FROM given WHERE admitted > 0 GROUP BY key_id, day ORDER BY key_id, day
        ON CONFLICT (key_id, day) DO UPDATE SET requests = kept.requests + excluded.requests
    ), totals AS (
        INSERT INTO key_usage AS kept
            (key_id, usage_count, rate_limited, insufficient_scope, last_used_at, last_used_from)
        SELECT key_id, sum(admitted), sum(rate_limited), sum(insufficient_scope), max(used_at),
            (array_agg(used_from ORDER BY used_at DESC NULLS LAST))[1]
        FROM given GROUP BY key_id ORDER BY key_id
        ON CONFLICT (key_id) DO UPDATE SET
            usage_count = kept.usage_count + excluded.usage_count,
            rate_limited = kept.rate_limited + excluded.rate_limited,
            insufficient_scope = kept.insufficient_scope + excluded.insufficient_scope,
            last_used_at = greatest(kept.last_used_at, excluded.last_used_at),
            last_used_from = CASE WHEN kept.last_used_at IS NULL OR kept.last_used_at < excluded.last_used_at
                THEN excluded.last_used_from ELSE kept.last_used_from END
    )
    SELECT taken FROM step";

const TAKEN: &str = "SELECT taken FROM usage_steps WHERE node = $1 AND number = $2";

/// Removes the batch numbers of old node starts. The table has one row for each start of a node in the last month.
const FORGET: &str =
    "DELETE FROM usage_steps WHERE at < coalesce($1, clock_timestamp()) - $2 * interval '1 microsecond'";

/// Zero for a key that was never used.
const TOTALS: &str = "
    SELECT coalesce(usage_count, 0) AS usage_count, coalesce(rate_limited, 0) AS rate_limited,
        coalesce(insufficient_scope, 0) AS insufficient_scope, last_used_at, last_used_from
    FROM keys LEFT JOIN key_usage ON key_id = id WHERE tenant_id = $1 AND id = $2";

const DAYS: &str = "SELECT day, requests FROM key_usage_days WHERE key_id = $1 AND day >= $2 ORDER BY day DESC";

#[async_trait]
impl UsageStore for PostgresStore {
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
        let counts = |count: fn(&UsageDelta) -> u64| {
            deltas.iter().map(|delta| row::bigint(count(delta))).collect::<sqlx::Result<Vec<i64>>>()
        };
        self.call(async {
            let last = |delta: &UsageDelta| delta.last_used.map(|(at, _)| PgTimestamp(at));
            let from = |delta: &UsageDelta| delta.last_used.and_then(|(_, from)| from).map(|from| from.to_string());
            let (node, number) = (step.node.as_uuid(), row::bigint(step.number)?);
            let mut lease = self.lease().await?;
            let added = sqlx::query(ADD)
                .bind(deltas.iter().map(|delta| *delta.key.as_uuid()).collect::<Vec<_>>())
                .bind(deltas.iter().map(|delta| delta.day.number()).collect::<Vec<_>>())
                .bind(counts(|delta| delta.admitted)?)
                .bind(counts(|delta| delta.refused.rate_limited)?)
                .bind(counts(|delta| delta.refused.insufficient_scope)?)
                .bind(deltas.iter().map(last).collect::<Vec<_>>())
                .bind(deltas.iter().map(from).collect::<Vec<_>>())
                .bind(node)
                .bind(number)
                .bind(i64::try_from(deltas.len()).unwrap_or(i64::MAX))
                .bind(self.now())
                .try_map(|row| row::count(&row, "taken"))
                .fetch_optional(&mut *lease)
                .await?;
            let Some(taken) = added else {
                let taken = sqlx::query(TAKEN).bind(node).bind(number).try_map(|row| row::count(&row, "taken"));
                return Ok(taken.fetch_optional(&mut *lease).await?.unwrap_or_default());
            };
            if step.number == 1 {
                let kept = i64::try_from(UsageStep::KEPT.as_micros()).unwrap_or(i64::MAX);
                sqlx::query(FORGET).bind(self.now()).bind(kept).execute(&mut *lease).await?;
            }
            Ok(taken)
        })
        .await
    }

    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>> {
        self.call(async {
            let mut lease = self.lease().await?;
            let query = sqlx::query(TOTALS).bind(tenant.as_str()).bind(id.as_uuid());
            let Some(totals) = query.fetch_optional(&mut *lease).await? else { return Ok(None) };
            let query = sqlx::query(DAYS).bind(id.as_uuid()).bind(since.number());
            let day = |row| Ok((Day::from_number(Row::try_get(&row, "day")?), row::count(&row, "requests")?));
            Ok(Some(Usage {
                usage_count: row::count(&totals, "usage_count")?,
                last_used_at: row::time_option(&totals, "last_used_at")?,
                last_used_from: row::parsed_option(&totals, "last_used_from")?,
                refused: RefusedRequests {
                    rate_limited: row::count(&totals, "rate_limited")?,
                    insufficient_scope: row::count(&totals, "insufficient_scope")?,
                },
                days: query.try_map(day).fetch_all(&mut *lease).await?,
            }))
        })
        .await
    }
}
