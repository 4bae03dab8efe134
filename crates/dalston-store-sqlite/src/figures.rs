//! The statistics of a tenant's keys: one statement, over the live keys and those that were used within the day.

use dalston_model::{TenantId, Timestamp};
use dalston_store::{KeyStatTimes, KeyStats};
use sqlx::{Row, SqliteExecutor, sqlite::SqliteRow};

/// ?1 tenant, ?2 now, ?3 soon, ?4 idle, ?5 hour, ?6 day.
pub(crate) const COUNT: &str = "SELECT * FROM (\
     SELECT count(*) FILTER (WHERE expires_at IS NULL OR expires_at > ?2) AS active, \
     count(*) FILTER (WHERE expires_at > ?2 AND expires_at <= ?3) AS expiring, \
     count(*) FILTER (WHERE created_at < ?4 AND NOT EXISTS \
     (SELECT 1 FROM key_usage WHERE key_id = id AND last_used_at >= ?4)) AS unused \
     FROM keys INDEXED BY keys_by_state WHERE tenant_id = ?1 AND revoked_at IS NULL AND enabled\
     ), (\
     SELECT count(*) AS revoked FROM keys INDEXED BY keys_by_state WHERE tenant_id = ?1 AND revoked_at IS NOT NULL\
     ), (\
     SELECT count(*) FILTER (WHERE last_used_at >= ?5) AS used_last_hour, count(*) AS used_last_day \
     FROM key_usage INDEXED BY key_usage_by_last CROSS JOIN keys ON id = key_id \
     WHERE last_used_at >= ?6 AND tenant_id = ?1)";

/// Counts the tenant's keys at the time `at`.
pub(crate) async fn count(
    database: impl SqliteExecutor<'_>,
    tenant: &TenantId,
    at: Timestamp,
) -> sqlx::Result<KeyStats> {
    let KeyStatTimes { now, soon, idle, hour, day } = KeyStats::times(at);
    let figures = |row: SqliteRow| {
        Ok(KeyStats {
            active: row.try_get("active")?,
            revoked: row.try_get("revoked")?,
            expiring: row.try_get("expiring")?,
            unused: row.try_get("unused")?,
            used_last_hour: row.try_get("used_last_hour")?,
            used_last_day: row.try_get("used_last_day")?,
        })
    };
    let count = [now, soon, idle, hour, day]
        .iter()
        .fold(sqlx::query(COUNT).bind(tenant.as_str()), |count, time| count.bind(time.as_micros()));
    count.try_map(figures).fetch_one(database).await
}
