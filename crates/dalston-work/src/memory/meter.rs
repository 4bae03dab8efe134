//! Quota and usage operations of the in-memory engine.

use super::{MemoryWorkStore, WorkTransaction};
use crate::{
    AudioAmount, MeterStore, MeteredDay, Quota, QuotaExceeded, QuotaKind, QuotaOwner, ReserveOutcome, UsageAccount,
    UsageSource,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day, KeyId, TenantId};
use dalston_store::StoreResult;

impl WorkTransaction<'_> {
    /// Returns the quotas of the key and of the tenant, in the order in which they are checked.
    fn quotas(&self, tenant: &TenantId, key: Option<KeyId>) -> Vec<(QuotaOwner, Quota)> {
        let subjects = key.map(|key| QuotaOwner::Key(tenant.clone(), key)).into_iter();
        let subjects = subjects.chain([QuotaOwner::Tenant(tenant.clone())]);
        subjects.map(|subject| (subject.clone(), self.work.quotas.get(&subject).copied().unwrap_or_default())).collect()
    }

    /// Returns the first concurrency limit that is reached. `count` returns the number in use by an owner.
    pub(super) fn exceeded_concurrency(
        &self,
        tenant: &TenantId,
        key: Option<KeyId>,
        limit: QuotaKind,
        count: impl Fn(&QuotaOwner) -> usize,
    ) -> Option<QuotaExceeded> {
        self.quotas(tenant, key).into_iter().find_map(|(subject, quota)| {
            let most = quota.limit(limit)?;
            let full = u32::try_from(count(&subject)).unwrap_or(u32::MAX) >= most;
            full.then_some(QuotaExceeded { limit, of_key: subject.key().is_some(), most })
        })
    }

    pub(super) fn reserve(&mut self, account: &UsageAccount, amount: AudioAmount) -> ReserveOutcome {
        let limits = self.quotas(&account.tenant, account.key).into_iter().filter_map(|(subject, quota)| {
            let most = quota.limit(QuotaKind::Seconds)?;
            let excess = QuotaExceeded { limit: QuotaKind::Seconds, of_key: subject.key().is_some(), most };
            let used = self.work.meter.get(&(subject, account.day)).map_or(0, |(jobs, streams)| jobs + streams);
            Some((excess, (u64::from(most) * 1_000).saturating_sub(used)))
        });
        match amount.within(limits) {
            Ok(granted) => {
                self.settle(account, i64::try_from(granted).unwrap_or(i64::MAX));
                ReserveOutcome::Granted(granted)
            }
            Err(excess) => ReserveOutcome::Exhausted(excess),
        }
    }

    pub(super) fn settle(&mut self, account: &UsageAccount, ms: i64) {
        if ms == 0 {
            return;
        }
        for (subject, _) in self.quotas(&account.tenant, account.key) {
            let (jobs, streams) = self.work.meter.entry((subject, account.day)).or_default();
            let used = if account.of == UsageSource::Jobs { jobs } else { streams };
            *used = used.saturating_add_signed(ms);
        }
    }
}

#[async_trait]
impl MeterStore for MemoryWorkStore {
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota> {
        Ok(WorkTransaction::of(self).work.quotas.get(subject).copied().unwrap_or_default())
    }

    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = WorkTransaction::of(self);
        let there = match subject {
            QuotaOwner::Tenant(tenant) => state.has_tenant(tenant),
            QuotaOwner::Key(tenant, id) => state.key_of(*id).is_some_and(|key| key.tenant == *tenant),
        };
        if there {
            state.work.quotas.insert(subject.clone(), *quota);
            state.record(entry);
        }
        Ok(there)
    }

    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome> {
        Ok(WorkTransaction::of(self).reserve(account, amount))
    }

    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()> {
        WorkTransaction::of(self).settle(account, ms);
        Ok(())
    }

    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>> {
        let state = WorkTransaction::of(self);
        let own = state.work.meter.iter().filter(|((of, day), _)| of == subject && *day >= since);
        let mut days: Vec<MeteredDay> = own
            .map(|((_, day), (jobs_ms, streams_ms))| MeteredDay {
                day: *day,
                jobs_ms: *jobs_ms,
                streams_ms: *streams_ms,
            })
            .collect();
        days.retain(|day| day.jobs_ms + day.streams_ms > 0);
        days.sort_by_key(|it| std::cmp::Reverse(it.day));
        Ok(days)
    }
}
