//! Quotas and the meter, in Postgres. Only setting a quota is a change. A reservation locks the meter row of its key,
//! then that of its tenant; so does every transaction that writes them.

use super::row;
use crate::{PostgresStore, change::Change, tenants};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day, KeyId, TenantId};
use dalston_store::StoreResult;
use dalston_work::{
    AudioAmount, MeterStore, MeteredDay, Quota, QuotaExceeded, QuotaKind, QuotaOwner, ReserveOutcome, UsageAccount,
    UsageSource,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use std::collections::HashMap;
use uuid::Uuid;

/// $1 tenant, $2 its keys. The rows are locked while a count is checked against them, the key's row before the
/// tenant's: the tenant's row has the nil id, which sorts last in the descending order.
macro_rules! quotas_sql {
    ($($and:literal)?) => {
        concat!("SELECT key_id, kind, most FROM quotas WHERE tenant_id = $1 AND key_id = ANY ($2)", $($and,)?)
    };
}
const QUOTAS: &str = quotas_sql!();
const LOCK_STREAMS: &str = quotas_sql!(" AND kind = 'streams' ORDER BY key_id DESC FOR UPDATE");

/// $1 tenant, $2 its keys in lock order, $3 day. Locks the meter rows and returns their counts. Inserts missing rows.
const LOCK: &str = "
    INSERT INTO meter AS kept (tenant_id, key_id, day, jobs_ms, streams_ms)
    SELECT $1, key_id, $3, 0, 0 FROM unnest($2::uuid[]) AS key_id
    ON CONFLICT (tenant_id, key_id, day) DO UPDATE SET jobs_ms = kept.jobs_ms
    RETURNING key_id, jobs_ms, streams_ms";

/// Like `LOCK`, and adds $4 to the jobs and $5 to the streams. The results are limited to 0 and the maximum of the
/// type.
const ADD: &str = "
    INSERT INTO meter AS kept (tenant_id, key_id, day, jobs_ms, streams_ms)
    SELECT $1, key_id, $3, greatest($4::bigint, 0), greatest($5::bigint, 0) FROM unnest($2::uuid[]) AS key_id
    ON CONFLICT (tenant_id, key_id, day) DO UPDATE SET
        jobs_ms = greatest(0, least(kept.jobs_ms::numeric + $4, 9223372036854775807))::bigint,
        streams_ms = greatest(0, least(kept.streams_ms::numeric + $5, 9223372036854775807))::bigint";

const CLEAR: &str = "DELETE FROM quotas WHERE tenant_id = $1 AND key_id = $2";

const SET: &str = "
    INSERT INTO quotas (tenant_id, key_id, kind, most)
    SELECT $1, $2, kind, most FROM unnest($3::text[], $4::bigint[]) AS limits (kind, most)";

const DAYS: &str = "
    SELECT day, jobs_ms, streams_ms FROM meter
    WHERE tenant_id = $1 AND key_id = $2 AND day >= $3 AND (jobs_ms > 0 OR streams_ms > 0) ORDER BY day DESC";

/// The quotas of a key and of its tenant, in the order in which they are checked: the key's first.
pub(crate) struct Quotas(Vec<(Option<KeyId>, Quota)>);

impl Quotas {
    /// Reads the quotas.
    pub(crate) async fn read(conn: &mut PgConnection, tenant: &TenantId, key: Option<KeyId>) -> sqlx::Result<Self> {
        Self::select(conn, QUOTAS, tenant, key).await
    }

    /// Reads and locks the quotas that limit streams: until the end of the transaction, no other transaction counts
    /// against them.
    pub(crate) async fn lock_streams(
        conn: &mut PgConnection,
        tenant: &TenantId,
        key: Option<KeyId>,
    ) -> sqlx::Result<Self> {
        Self::select(conn, LOCK_STREAMS, tenant, key).await
    }

    async fn select(
        conn: &mut PgConnection,
        sql: &'static str,
        tenant: &TenantId,
        key: Option<KeyId>,
    ) -> sqlx::Result<Self> {
        let query = sqlx::query(sql).bind(tenant.as_str()).bind(ids(key));
        let limits = query.try_map(|row: PgRow| Ok((row.try_get("key_id")?, limit(&row)?))).fetch_all(conn).await?;
        let mut set = HashMap::<Uuid, Quota>::new();
        for (id, (kind, most)) in limits {
            let quota = set.entry(id).or_default();
            *quota = quota.with(kind, Some(most));
        }
        let of = |key: Option<KeyId>| Some((key, set.get(&id(key)).copied()?));
        Ok(Self(key.map(Some).into_iter().chain([None]).filter_map(of).collect()))
    }

    /// Returns the limits on concurrent jobs or streams: the key (`None` for the tenant), and the limit.
    pub(crate) fn at_once(&self, limit: QuotaKind) -> impl Iterator<Item = (Option<KeyId>, QuotaExceeded)> {
        self.0.iter().filter_map(move |(key, quota)| {
            let most = quota.limit(limit)?;
            Some((*key, QuotaExceeded { limit, of_key: key.is_some(), most }))
        })
    }

    /// Reserves audio. If the reservation is refused, the caller must roll back the transaction.
    pub(crate) async fn reserve(
        &self,
        conn: &mut PgConnection,
        account: &UsageAccount,
        amount: AudioAmount,
    ) -> sqlx::Result<ReserveOutcome> {
        let mut limits = Vec::with_capacity(self.0.len());
        if self.0.iter().any(|(_, quota)| quota.limit(QuotaKind::Seconds).is_some()) {
            let query = sqlx::query(LOCK).bind(account.tenant.as_str()).bind(ids(account.key));
            let used = |row: PgRow| {
                let used = row::count(&row, "jobs_ms")?.saturating_add(row::count(&row, "streams_ms")?);
                Ok((row.try_get("key_id")?, used))
            };
            let used: HashMap<Uuid, u64> =
                query.bind(account.day.number()).try_map(used).fetch_all(&mut *conn).await?.into_iter().collect();
            for (key, quota) in &self.0 {
                let Some(most) = quota.limit(QuotaKind::Seconds) else { continue };
                let used = used.get(&id(*key)).copied().unwrap_or_default();
                let excess = QuotaExceeded { limit: QuotaKind::Seconds, of_key: key.is_some(), most };
                limits.push((excess, (u64::from(most) * 1_000).saturating_sub(used)));
            }
        }
        match amount.within(limits) {
            Ok(granted) => {
                settle(conn, account, i64::try_from(granted).unwrap_or(i64::MAX)).await?;
                Ok(ReserveOutcome::Granted(granted))
            }
            Err(excess) => Ok(ReserveOutcome::Exhausted(excess)),
        }
    }
}

/// Adds milliseconds to the account, or subtracts them if `ms` is negative.
pub(crate) async fn settle(conn: &mut PgConnection, account: &UsageAccount, ms: i64) -> sqlx::Result<()> {
    if ms == 0 {
        return Ok(());
    }
    let (jobs, streams) = if account.of == UsageSource::Jobs { (ms, 0) } else { (0, ms) };
    let query = sqlx::query(ADD).bind(account.tenant.as_str()).bind(ids(account.key));
    query.bind(account.day.number()).bind(jobs).bind(streams).execute(conn).await?;
    Ok(())
}

/// Returns the row ids of a key and of its tenant, in lock order.
fn ids(key: Option<KeyId>) -> Vec<Uuid> {
    key.map(|key| *key.as_uuid()).into_iter().chain([Uuid::nil()]).collect()
}

/// Returns the row id of a key; nil stands for the tenant.
fn id(key: Option<KeyId>) -> Uuid {
    key.map_or(Uuid::nil(), |key| *key.as_uuid())
}

fn limit(row: &PgRow) -> sqlx::Result<(QuotaKind, u32)> {
    Ok((row::parsed(row, "kind")?, row::narrow(row, "most")?))
}

async fn exists(conn: &mut PgConnection, subject: &QuotaOwner) -> sqlx::Result<bool> {
    let Some(key) = subject.key() else { return tenants::exists(conn, subject.tenant()).await };
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM keys WHERE id = $1 AND tenant_id = $2)");
    query.bind(key.as_uuid()).bind(subject.tenant().as_str()).fetch_one(conn).await
}

#[async_trait]
impl MeterStore for PostgresStore {
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota> {
        self.call(async {
            let query = sqlx::query(QUOTAS).bind(subject.tenant().as_str()).bind(vec![id(subject.key())]);
            let limits = query.try_map(|row| limit(&row)).fetch_all(&mut *self.lease().await?).await?;
            Ok(limits.into_iter().collect())
        })
        .await
    }

    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let known = exists(change.conn(), subject).await?;
            if known {
                let (tenant, key) = (subject.tenant().as_str(), id(subject.key()));
                sqlx::query(CLEAR).bind(tenant).bind(key).execute(change.conn()).await?;
                let (kinds, most): (Vec<_>, Vec<_>) =
                    quota.limits().map(|(kind, most)| (kind.as_str(), i64::from(most))).unzip();
                sqlx::query(SET).bind(tenant).bind(key).bind(kinds).bind(most).execute(change.conn()).await?;
                change.commit(entry).await?;
            }
            Ok(known)
        })
        .await
    }

    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut transaction = lease.begin().await?;
            let quotas = Quotas::read(&mut transaction, &account.tenant, account.key).await?;
            let reserve = quotas.reserve(&mut transaction, account, amount).await?;
            if matches!(reserve, ReserveOutcome::Granted(_)) {
                transaction.commit().await?;
            }
            Ok(reserve)
        })
        .await
    }

    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()> {
        self.call(async { settle(&mut *self.lease().await?, account, ms).await }).await
    }

    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>> {
        self.call(async {
            let day = |row: PgRow| {
                Ok(MeteredDay {
                    day: Day::from_number(row.try_get("day")?),
                    jobs_ms: row::count(&row, "jobs_ms")?,
                    streams_ms: row::count(&row, "streams_ms")?,
                })
            };
            let query = sqlx::query(DAYS).bind(subject.tenant().as_str()).bind(id(subject.key()));
            query.bind(since.number()).try_map(day).fetch_all(&mut *self.lease().await?).await
        })
        .await
    }
}
