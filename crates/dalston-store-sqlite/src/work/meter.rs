//! Quotas, and the meter of audio. The rows of a tenant itself have an empty `key_id`.

use crate::{SqliteStore, feed, row};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day, KeyId, TenantId};
use dalston_store::StoreResult;
use dalston_work::{
    AudioAmount, MeterStore, MeteredDay, Quota, QuotaExceeded, QuotaKind, QuotaOwner, ReserveOutcome, UsageAccount,
    UsageSource,
};
use sqlx::{Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

pub(crate) const QUOTA: &str = "SELECT kind, most FROM quotas WHERE tenant_id = ? AND key_id = ?";

pub(crate) const CLEAR: &str = "DELETE FROM quotas WHERE tenant_id = ? AND key_id = ?";

const SET: &str = "INSERT INTO quotas (tenant_id, key_id, kind, most) VALUES (?, ?, ?, ?)";

/// The limits of one kind that apply to a key: its own first, then the tenant's.
pub(crate) const BINDING: &str = "SELECT key_id <> '' AS of_key, most FROM quotas \
     WHERE tenant_id = ? AND key_id IN (?, '') AND kind = ? ORDER BY key_id DESC";

pub(crate) const IS_SUBJECT: &str = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND ?2 = '') \
     OR EXISTS (SELECT 1 FROM keys WHERE id = ?2 AND tenant_id = ?1)";

pub(crate) const USED: &str = "SELECT jobs_ms, streams_ms FROM meter WHERE tenant_id = ? AND key_id = ? AND day = ?";

const SET_USED: &str =
    "INSERT OR REPLACE INTO meter (tenant_id, key_id, day, jobs_ms, streams_ms) VALUES (?, ?, ?, ?, ?)";

pub(crate) const DAYS: &str = "SELECT day, jobs_ms, streams_ms FROM meter \
     WHERE tenant_id = ? AND key_id = ? AND day >= ? ORDER BY day DESC";

/// A key's id for the tables; the empty text for a tenant.
fn text(key: Option<KeyId>) -> String {
    super::text(key).unwrap_or_default()
}

/// Returns the limits of this kind that apply, the key's own first, then the tenant's. Each is in the form of the error
/// that reports it as exceeded.
pub(crate) async fn bounds(
    change: &mut SqliteConnection,
    tenant: &TenantId,
    key: Option<KeyId>,
    limit: QuotaKind,
) -> sqlx::Result<Vec<QuotaExceeded>> {
    let binding = sqlx::query(BINDING).bind(tenant.as_str()).bind(text(key)).bind(limit.as_str());
    let bound =
        |row: SqliteRow| Ok(QuotaExceeded { limit, of_key: row.try_get("of_key")?, most: row.try_get("most")? });
    binding.try_map(bound).fetch_all(change).await
}

/// The milliseconds of audio of jobs and of streams on the account's day.
async fn used(change: &mut SqliteConnection, account: &UsageAccount, key: &str) -> sqlx::Result<(u64, u64)> {
    let used = sqlx::query(USED).bind(account.tenant.as_str()).bind(key).bind(account.day.number());
    let used = used.try_map(|row: SqliteRow| Ok((row.try_get("jobs_ms")?, row.try_get("streams_ms")?)));
    Ok(used.fetch_optional(change).await?.unwrap_or_default())
}

/// Reserves audio, in the transaction of the change that needs it.
pub(crate) async fn reserve(
    change: &mut SqliteConnection,
    account: &UsageAccount,
    amount: AudioAmount,
) -> sqlx::Result<ReserveOutcome> {
    let mut limits = Vec::with_capacity(2);
    for bound in bounds(change, &account.tenant, account.key, QuotaKind::Seconds).await? {
        let key = if bound.of_key { text(account.key) } else { String::new() };
        let (jobs, streams) = used(change, account, &key).await?;
        limits.push((bound, (u64::from(bound.most) * 1_000).saturating_sub(jobs.saturating_add(streams))));
    }
    match amount.within(limits) {
        Ok(granted) => {
            settle(change, account, row::count(granted)).await?;
            Ok(ReserveOutcome::Granted(granted))
        }
        Err(bound) => Ok(ReserveOutcome::Exhausted(bound)),
    }
}

/// Adds `ms` (which may be negative) to the meter of the key and of the tenant, in the transaction of the change that
/// determines the amount.
pub(crate) async fn settle(change: &mut SqliteConnection, account: &UsageAccount, ms: i64) -> sqlx::Result<()> {
    if ms == 0 {
        return Ok(());
    }
    let key = account.key.map(|key| text(Some(key)));
    for key in key.into_iter().chain([String::new()]) {
        let (mut jobs, mut streams) = used(change, account, &key).await?;
        let counted = if account.of == UsageSource::Jobs { &mut jobs } else { &mut streams };
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

async fn is_subject(database: impl SqliteExecutor<'_>, subject: &QuotaOwner) -> sqlx::Result<bool> {
    sqlx::query_scalar(IS_SUBJECT).bind(subject.tenant().as_str()).bind(text(subject.key())).fetch_one(database).await
}

#[async_trait]
impl MeterStore for SqliteStore {
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota> {
        let find = sqlx::query(QUOTA).bind(subject.tenant().as_str()).bind(text(subject.key()));
        let find = find.try_map(|row| Ok((row::parsed(&row, "kind")?, row.try_get("most")?)));
        Ok(self.call(find.fetch_all(&self.readers)).await?.into_iter().collect())
    }

    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if !is_subject(&mut *change, subject).await? {
                return Ok(false);
            }
            let (tenant, key) = (subject.tenant().as_str(), text(subject.key()));
            sqlx::query(CLEAR).bind(tenant).bind(&key).execute(&mut *change).await?;
            for (kind, most) in quota.limits() {
                let set = sqlx::query(SET).bind(tenant).bind(&key).bind(kind.as_str()).bind(most);
                set.execute(&mut *change).await?;
            }
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let reserve = reserve(&mut change, account, amount).await?;
            change.commit().await?;
            Ok(reserve)
        })
        .await
    }

    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()> {
        self.call(async {
            let mut change = self.change().await?;
            settle(&mut change, account, ms).await?;
            change.commit().await
        })
        .await
    }

    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>> {
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
