//! Tenants: insert, get, list.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, Tenant, TenantId};

/// The steps on tenants. `default` is there from the start.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Inserts the tenant. `false` when there is one of that id, which stays as it is.
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool>;

    /// The tenant of this id.
    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>>;

    /// A page of all tenants.
    async fn tenants(&self, page: &PageRequest) -> StoreResult<Page<Tenant>>;

    /// How many there are.
    async fn tenant_count(&self) -> StoreResult<u64>;
}
