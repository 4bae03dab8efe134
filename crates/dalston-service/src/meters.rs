//! Audio usage and quotas of keys and tenants.

use crate::{ServiceError, ServiceResult};
use dalston_auth::{Permit, RejectionReason, Right, rights};
use dalston_model::{Day, KeyId, SharedClock, Target, TenantId};
use dalston_work::{MeteredDay, Quota, QuotaKind, QuotaOwner, SharedWorkStorage, WorkAction};
use serde_json::json;

/// Number of days whose usage is reported.
const DAYS_SHOWN: i32 = 30;

/// The audio usage and the quota of a key or a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// The quota.
    pub quota: Quota,
    /// The current day, by the node's clock.
    pub today: Day,
    /// Usage per day, newest first. Days without audio are omitted.
    pub days: Vec<MeteredDay>,
}

impl Meter {
    /// Returns the whole seconds of audio that are left today; `None` when unlimited.
    pub fn seconds_left(&self) -> Option<u64> {
        let today = self.days.iter().find(|day| day.day == self.today);
        let used = today.map_or(0, |day| day.jobs_ms + day.streams_ms);
        self.quota.limit(QuotaKind::Seconds).map(|most| (u64::from(most) * 1_000).saturating_sub(used) / 1_000)
    }
}

/// The use cases for audio usage and quotas.
pub struct Meters {
    store: SharedWorkStorage,
    clock: SharedClock,
}

impl Meters {
    pub(crate) fn new(store: SharedWorkStorage, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Returns the usage of the caller's tenant.
    pub async fn of_tenant(&self, permit: &Permit<rights::Admin>) -> ServiceResult<Meter> {
        self.read(&QuotaOwner::Tenant(permit.tenant().clone())).await
    }

    /// Returns the usage of a key of the caller's tenant. Returns an empty meter when there is no such key.
    pub async fn of_key(&self, permit: &Permit<rights::Admin>, id: KeyId) -> ServiceResult<Meter> {
        self.read(&QuotaOwner::Key(permit.tenant().clone(), id)).await
    }

    /// Sets the quota of a key. The key's scopes must not exceed the caller's.
    pub async fn limit_key(&self, permit: &Permit<rights::Admin>, id: KeyId, quota: &Quota) -> ServiceResult<Meter> {
        let unknown = || ServiceError::NotFound("API key");
        let key = self.store.key(permit.tenant(), id).await?.ok_or_else(unknown)?.key;
        if let Some(beyond) = permit.scopes().first_beyond(&key.scopes) {
            return Err(RejectionReason::InsufficientScope(beyond).into());
        }
        let subject = QuotaOwner::Key(key.tenant, id);
        if self.set(permit, &subject, Target::key(id), quota).await? {
            self.read(&subject).await
        } else {
            Err(unknown())
        }
    }

    /// Sets the quota of a tenant. Only the platform may do this, not the tenant itself.
    pub async fn limit_tenant(
        &self,
        permit: &Permit<rights::Platform>,
        tenant: TenantId,
        quota: &Quota,
    ) -> ServiceResult<Meter> {
        let subject = QuotaOwner::Tenant(tenant.clone());
        if self.set(permit, &subject, Target::tenant(&tenant), quota).await? {
            self.read(&subject).await
        } else {
            Err(ServiceError::NotFound("Tenant"))
        }
    }

    async fn set<R: Right>(
        &self,
        permit: &Permit<R>,
        subject: &QuotaOwner,
        target: Target,
        quota: &Quota,
    ) -> ServiceResult<bool> {
        let mut entry = permit.entry(self.clock.now(), WorkAction::QUOTA_CHANGED, target, json!(quota));
        entry.tenant = subject.tenant().clone();
        Ok(self.store.set_quota(subject, quota, &entry).await?)
    }

    async fn read(&self, subject: &QuotaOwner) -> ServiceResult<Meter> {
        let today = Day::of(self.clock.now());
        let quota = self.store.quota(subject).await?;
        let days = self.store.metered(subject, today.back(DAYS_SHOWN - 1)).await?;
        Ok(Meter { quota, today, days })
    }
}
