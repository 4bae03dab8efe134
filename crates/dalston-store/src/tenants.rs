//! Tenants: insert, get, list.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, Tenant, TenantId};

/// The operations on tenants. The tenant `default` exists from the start.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Inserts the tenant. Returns `false` if the id exists already; the existing tenant is not changed.
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool>;

    /// Returns the tenant of this id.
    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>>;

    /// Returns a page of all tenants.
    async fn tenants(&self, page: &PageRequest) -> StoreResult<Page<Tenant>>;

    /// Returns the number of tenants.
    async fn tenant_count(&self) -> StoreResult<u64>;
}
