//! Storing and finding tenants.

use crate::{
    RedisStore,
    argument::argument,
    audit::AuditArgument,
    page,
    scripts::{self, SCRIPTS, TENANTS},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, Tenant, TenantId, Timestamp};
use dalston_store::{StoreError, StoreResult, TenantStore};

/// Id, time of creation, name.
type TenantRow = (String, i64, Option<String>);

#[async_trait]
impl TenantStore for RedisStore {
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool> {
        let created = tenant.created_at.as_micros().to_string();
        let name = tenant.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut script = scripts::tenant(&SCRIPTS.insert_tenant, &tenant.id);
        script.arg(created).arg(name).arg(argument(&AuditArgument::new(entry)?)?).arg(self.now());
        Ok(self.link.call().run::<u8>(&script).await? == 1)
    }

    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let mut script = scripts::tenant(&SCRIPTS.read_tenant, id);
        let row: Option<TenantRow> = self.link.call().run(script.arg(self.now())).await?;
        row.as_ref().map(tenant).transpose()
    }

    async fn tenants(&self, request: &PageRequest) -> StoreResult<Page<Tenant>> {
        let mut script = SCRIPTS.list_tenants.key(TENANTS);
        let rows: Vec<TenantRow> = self.link.call().run(script.arg(&page::arguments(request))).await?;
        let tenants = rows.iter().map(tenant).collect::<StoreResult<Vec<_>>>()?;
        let cursor = |tenant: &Tenant| Cursor { created_at: tenant.created_at, id: tenant.id.to_string() };
        Ok(Page::cut(tenants, request.limit, cursor))
    }

    async fn tenant_count(&self) -> StoreResult<u64> {
        self.link.call().command(redis::cmd("ZCARD").arg(TENANTS)).await
    }
}

fn tenant((id, created, name): &TenantRow) -> StoreResult<Tenant> {
    let odd = || StoreError::corrupt(format_args!("tenant {id}"));
    Ok(Tenant {
        id: id.parse().map_err(|_| odd())?,
        name: name.as_deref().map(str::parse).transpose().map_err(|_| odd())?,
        created_at: Timestamp::from_micros(*created),
    })
}
