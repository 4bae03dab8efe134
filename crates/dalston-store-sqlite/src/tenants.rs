//! The operations on tenants.

use crate::{
    SqliteStore, feed,
    page::{self, page},
    row::{self, tenant_columns},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, Tenant, TenantId};
use dalston_store::{StoreResult, TenantStore};
use sqlx::SqliteConnection;

/// Leaves an existing tenant unchanged.
const INSERT: &str =
    concat!("INSERT INTO tenants (", tenant_columns!(), ") VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING");

pub(crate) const FIND: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE id = ?");

pub(crate) const LIST: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE ", page!());

const COUNT: &str = "SELECT count(*) FROM tenants";

/// Inserts the tenant, unless the id exists. Returns whether it was inserted.
pub(crate) async fn insert(change: &mut SqliteConnection, tenant: &Tenant) -> sqlx::Result<bool> {
    let insert = sqlx::query(INSERT)
        .bind(tenant.id.as_str())
        .bind(tenant.name.as_ref().map(ToString::to_string))
        .bind(tenant.created_at.as_micros());
    Ok(insert.execute(change).await?.rows_affected() > 0)
}

/// Whether the tenant exists.
pub(crate) async fn exists(change: &mut SqliteConnection, id: &TenantId) -> sqlx::Result<bool> {
    Ok(sqlx::query(FIND).bind(id.as_str()).fetch_optional(change).await?.is_some())
}

#[async_trait]
impl TenantStore for SqliteStore {
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if !insert(&mut change, tenant).await? {
                return Ok(false);
            }
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let find = sqlx::query(FIND).bind(id.as_str()).try_map(|row| row::tenant(&row));
        self.call(find.fetch_optional(&self.readers)).await
    }

    async fn tenants(&self, request: &PageRequest) -> StoreResult<Page<Tenant>> {
        let list = page::bind(sqlx::query(LIST), request).try_map(|row| row::tenant(&row));
        let tenants = self.call(list.fetch_all(&self.readers)).await?;
        let cursor = |tenant: &Tenant| Cursor { created_at: tenant.created_at, id: tenant.id.to_string() };
        Ok(Page::cut(tenants, request.limit, cursor))
    }

    async fn tenant_count(&self) -> StoreResult<u64> {
        self.call(sqlx::query_scalar(COUNT).fetch_one(&self.readers)).await
    }
}
