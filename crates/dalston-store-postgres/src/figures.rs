//! Key statistics of a tenant: one statement, over the live keys and those that were used within the last day.

use crate::{pg_timestamp::PgTimestamp, row};
use dalston_model::{TenantId, Timestamp};
use dalston_store::{KeyStatTimes, KeyStats};
use sqlx::{PgConnection, postgres::PgRow};

/// $1 tenant, $2 now, $3 soon, $4 idle, $5 hour, $6 day.
const COUNT: &str = "
    SELECT * FROM (
        SELECT count(*) FILTER (WHERE expires_at IS NULL OR expires_at > $2) AS active,
            count(*) FILTER (WHERE expires_at > $2 AND expires_at <= $3) AS expiring,
            count(*) FILTER (WHERE created_at < $4
                AND NOT EXISTS (SELECT FROM key_usage WHERE key_id = id AND last_used_at >= $4)) AS unused
        FROM keys WHERE tenant_id = $1 AND revoked_at IS NULL AND enabled
    ) AS open, (
        SELECT count(*) AS revoked FROM keys WHERE tenant_id = $1 AND revoked_at IS NOT NULL
    ) AS closed, (
        SELECT count(*) FILTER (WHERE last_used_at >= $5) AS used_last_hour, count(*) AS used_last_day
        FROM key_usage JOIN keys ON id = key_id
        WHERE tenant_id = $1 AND last_used_at >= $6
            AND used_hour >= floor(extract(epoch FROM $6 - timestamptz '2000-01-01 00:00:00+00') / 3600)::bigint
    ) AS used";

/// Counts the tenant's keys at the time `at`.
pub(crate) async fn count(conn: &mut PgConnection, tenant: &TenantId, at: Timestamp) -> sqlx::Result<KeyStats> {
    let KeyStatTimes { now, soon, idle, hour, day } = KeyStats::times(at);
    let figures = |row: PgRow| {
        Ok(KeyStats {
            active: row::count(&row, "active")?,
            revoked: row::count(&row, "revoked")?,
            expiring: row::count(&row, "expiring")?,
            unused: row::count(&row, "unused")?,
            used_last_hour: row::count(&row, "used_last_hour")?,
            used_last_day: row::count(&row, "used_last_day")?,
        })
    };
    let count = [now, soon, idle, hour, day]
        .iter()
        .fold(sqlx::query(COUNT).bind(tenant.as_str()), |count, time| count.bind(PgTimestamp(*time)));
    count.try_map(figures).fetch_one(conn).await
}
