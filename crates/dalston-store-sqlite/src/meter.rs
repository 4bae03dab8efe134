//! Quotas, and the meter of audio. A tenant itself stands under the empty key.

use crate::{SqliteStore, feed, row};
use async_trait::async_trait;
use dalston_model::{
    Account, Amount, AuditEntry, Day, Excess, KeyId, Limited, Metered, MeteredDay, Quota, Subject, TenantId,
};
use dalston_store::{MeterStore, Reserve, StoreResult};
use sqlx::{Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

pub(crate) const QUOTA: &str = "SELECT seconds_per_day, concurrent_jobs, concurrent_streams FROM quotas \
     WHERE tenant_id = ? AND key_id = ?";

const SET_QUOTA: &str = "INSERT OR REPLACE INTO quotas (tenant_id, key_id, seconds_per_day, concurrent_jobs, \
     concurrent_streams) VALUES (?, ?, ?, ?, ?)";

/// Both quotas that bind a key, in any order.
pub(crate) const BINDING: &str = "SELECT key_id, seconds_per_day, concurrent_jobs, concurrent_streams FROM quotas \
     WHERE tenant_id = ? AND key_id IN (?, '')";

pub(crate) const IS_SUBJECT: &str = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND ?2 = '') \
     OR EXISTS (SELECT 1 FROM keys WHERE id = ?2 AND tenant_id = ?1)";

pub(crate) const USED: &str = "SELECT jobs_ms, streams_ms FROM meter WHERE tenant_id = ? AND key_id = ? AND day = ?";

const SET_USED: &str =
    "INSERT OR REPLACE INTO meter (tenant_id, key_id, day, jobs_ms, streams_ms) VALUES (?, ?, ?, ?, ?)";

pub(crate) const DAYS: &str = "SELECT day, jobs_ms, streams_ms FROM meter \
     WHERE tenant_id = ? AND key_id = ? AND day >= ? ORDER BY day DESC";

/// A key as the tables have it; nothing for a tenant.
fn text(key: Option<KeyId>) -> String {
    row::text(key).unwrap_or_default()
}

fn quota(row: &SqliteRow) -> sqlx::Result<Quota> {
    Ok(Quota {
        seconds_per_day: row.try_get("seconds_per_day")?,
        concurrent_jobs: row.try_get("concurrent_jobs")?,
        concurrent_streams: row.try_get("concurrent_streams")?,
    })
}

/// What would be exceeded, the key's own first: the limits of this kind that bind the key and the tenant.
pub(crate) async fn bounds(
    change: &mut SqliteConnection,
    tenant: &TenantId,
    key: Option<KeyId>,
    limit: Limited,
) -> sqlx::Result<Vec<Excess>> {
    let binding = sqlx::query(BINDING).bind(tenant.as_str()).bind(text(key)).try_map(|row: SqliteRow| {
        let quota = quota(&row)?;
        let most = match limit {
            Limited::Seconds => quota.seconds_per_day,
            Limited::Jobs => quota.concurrent_jobs,
            Limited::Streams => quota.concurrent_streams,
        };
        let of_key = !row.try_get::<&str, _>("key_id")?.is_empty();
        Ok(most.map(|most| Excess { limit, of_key, most }))
    });
    let mut bounds: Vec<Excess> = binding.fetch_all(change).await?.into_iter().flatten().collect();
    bounds.sort_by_key(|bound| !bound.of_key);
    Ok(bounds)
}

/// Milliseconds of jobs and of streams on that day.
async fn used(change: &mut SqliteConnection, account: &Account, key: &str) -> sqlx::Result<(u64, u64)> {
    let used = sqlx::query(USED).bind(account.tenant.as_str()).bind(key).bind(account.day.number());
    let used = used.try_map(|row: SqliteRow| Ok((row.try_get("jobs_ms")?, row.try_get("streams_ms")?)));
    Ok(used.fetch_optional(change).await?.unwrap_or_default())
}

/// Reserves in the transaction of the change that needs it.
pub(crate) async fn reserve(change: &mut SqliteConnection, account: &Account, amount: Amount) -> sqlx::Result<Reserve> {
    let mut limits = Vec::with_capacity(2);
    for bound in bounds(change, &account.tenant, account.key, Limited::Seconds).await? {
        let key = if bound.of_key { text(account.key) } else { String::new() };
        let (jobs, streams) = used(change, account, &key).await?;
        limits.push((bound, (u64::from(bound.most) * 1_000).saturating_sub(jobs.saturating_add(streams))));
    }
    match amount.within(limits) {
        Ok(granted) => {
            settle(change, account, row::count(granted)).await?;
            Ok(Reserve::Granted(granted))
        }
        Err(bound) => Ok(Reserve::Exhausted(bound)),
    }
}

/// Settles in the transaction of the change that tells how much it was.
pub(crate) async fn settle(change: &mut SqliteConnection, account: &Account, ms: i64) -> sqlx::Result<()> {
    if ms == 0 {
        return Ok(());
    }
    let key = account.key.map(|key| text(Some(key)));
    for key in key.into_iter().chain([String::new()]) {
        let (mut jobs, mut streams) = used(change, account, &key).await?;
        let counted = if account.of == Metered::Jobs { &mut jobs } else { &mut streams };
        *counted = counted.saturating_add_signed(ms);
        sqlx::query(SET_USED)
            .bind(account.tenant.as_str())
            .bind(key)
            .bind(account.day.number())
            .bind(row::count(jobs))
            .bind(row::count(streams))
            .execute(&mut *change)
            .await?;
    }
    Ok(())
}

async fn is_subject(database: impl SqliteExecutor<'_>, subject: &Subject) -> sqlx::Result<bool> {
    sqlx::query_scalar(IS_SUBJECT).bind(subject.tenant().as_str()).bind(text(subject.key())).fetch_one(database).await
}

#[async_trait]
impl MeterStore for SqliteStore {
    async fn quota(&self, subject: &Subject) -> StoreResult<Quota> {
        let find = sqlx::query(QUOTA).bind(subject.tenant().as_str()).bind(text(subject.key()));
        let find = find.try_map(|row| quota(&row));
        Ok(self.call(find.fetch_optional(&self.readers)).await?.unwrap_or_default())
    }

    async fn set_quota(&self, subject: &Subject, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if !is_subject(&mut *change, subject).await? {
                return Ok(false);
            }
            sqlx::query(SET_QUOTA)
                .bind(subject.tenant().as_str())
                .bind(text(subject.key()))
                .bind(quota.seconds_per_day)
                .bind(quota.concurrent_jobs)
                .bind(quota.concurrent_streams)
                .execute(&mut *change)
                .await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn reserve_audio(&self, account: &Account, amount: Amount) -> StoreResult<Reserve> {
        self.call(async {
            let mut change = self.change().await?;
            let reserve = reserve(&mut change, account, amount).await?;
            change.commit().await?;
            Ok(reserve)
        })
        .await
    }

    async fn settle_audio(&self, account: &Account, ms: i64) -> StoreResult<()> {
        self.call(async {
            let mut change = self.change().await?;
            settle(&mut change, account, ms).await?;
            change.commit().await
        })
        .await
    }

    async fn metered(&self, subject: &Subject, since: Day) -> StoreResult<Vec<MeteredDay>> {
        let days =
            sqlx::query(DAYS).bind(subject.tenant().as_str()).bind(text(subject.key())).bind(since.number()).try_map(
                |row: SqliteRow| {
                    Ok(MeteredDay {
                        day: Day::from_number(row.try_get("day")?),
                        jobs_ms: row.try_get("jobs_ms")?,
                        streams_ms: row.try_get("streams_ms")?,
                    })
                },
            );
        let mut days = self.call(days.fetch_all(&self.readers)).await?;
        days.retain(|day| day.jobs_ms > 0 || day.streams_ms > 0);
        Ok(days)
    }
}
