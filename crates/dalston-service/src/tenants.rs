//! Tenants: create, list, set the retention.

use crate::{ServiceError, ServiceResult, TenantPresence};
use dalston_auth::{Permit, rights};
use dalston_model::{KeyAction, Name, Page, PageRequest, SharedClock, Target, Tenant, TenantId};
use dalston_work::{SharedWorkStorage, WorkAction};
use serde_json::json;
use std::sync::Arc;

/// The use cases for tenants.
pub struct Tenants {
    store: SharedWorkStorage,
    clock: SharedClock,
    tenant_presence: Arc<TenantPresence>,
}

impl Tenants {
    pub(crate) fn new(store: SharedWorkStorage, clock: SharedClock, tenant_presence: Arc<TenantPresence>) -> Self {
        Self { store, clock, tenant_presence }
    }

    /// Reads the tenants that exist. Whether there are several determines the share of a node that each may use.
    pub async fn look(&self) -> ServiceResult<()> {
        let page = self.store.tenants(&PageRequest::default()).await?;
        page.items.iter().for_each(|tenant| self.tenant_presence.record_tenant(&tenant.id));
        Ok(())
    }

    /// Creates a tenant. Fails with [`ServiceError::Conflict`] when the id is taken.
    pub async fn create(
        &self,
        permit: &Permit<rights::Platform>,
        id: TenantId,
        name: Option<Name>,
    ) -> ServiceResult<Tenant> {
        let (tenant, made) = self.insert(permit, id, name).await?;
        if made { Ok(tenant) } else { Err(ServiceError::Conflict("There is a tenant of that id".into())) }
    }

    /// Fails with [`ServiceError::NotFound`] unless a tenant with this id exists.
    pub async fn check(&self, id: &TenantId) -> ServiceResult<()> {
        self.store.tenant(id).await?.map(|_| ()).ok_or(ServiceError::NotFound("Tenant"))
    }

    /// Creates a tenant unless one with this id exists.
    pub async fn ensure(&self, permit: &Permit<rights::Platform>, id: TenantId) -> ServiceResult<()> {
        self.insert(permit, id, None).await.map(|_| ())
    }

    /// Lists a page of all tenants, each with its retention of ended jobs in days.
    pub async fn list(
        &self,
        _permit: &Permit<rights::Platform>,
        page: &PageRequest,
    ) -> ServiceResult<Page<(Tenant, Option<u32>)>> {
        let Page { items, next } = self.store.tenants(page).await?;
        let ids: Vec<TenantId> = items.iter().map(|tenant| tenant.id.clone()).collect();
        let items = items.into_iter().zip(self.store.retention(&ids).await?).collect();
        Ok(Page { items, next })
    }

    /// Sets for how many days the tenant's ended jobs are kept. `None` applies the node's default.
    pub async fn retain(
        &self,
        permit: &Permit<rights::Platform>,
        id: &TenantId,
        days: Option<u32>,
    ) -> ServiceResult<Tenant> {
        let target = Target::tenant(id);
        let detail = json!({"retention_days": days});
        let mut entry = permit.entry(self.clock.now(), WorkAction::RETENTION_CHANGED, target, detail);
        entry.tenant = id.clone();
        let unknown = ServiceError::NotFound("Tenant");
        if !self.store.set_retention(id, days, &entry).await? {
            return Err(unknown);
        }
        self.store.tenant(id).await?.ok_or(unknown)
    }

    async fn insert(
        &self,
        permit: &Permit<rights::Platform>,
        id: TenantId,
        name: Option<Name>,
    ) -> ServiceResult<(Tenant, bool)> {
        let created_at = self.clock.now();
        let tenant = Tenant { id: id.clone(), name, created_at };
        let target = Target::tenant(&id);
        let mut entry = permit.entry(created_at, KeyAction::TENANT_CREATED, target, json!({"name": tenant.name}));
        entry.tenant = id;
        let made = self.store.insert_tenant(&tenant, &entry).await?;
        self.tenant_presence.record_tenant(&tenant.id);
        Ok((tenant, made))
    }
}
