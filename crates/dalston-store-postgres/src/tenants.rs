//! Storing and finding tenants, in Postgres.

use crate::{PostgresStore, change::Change, page::Bounds, pg_timestamp::PgTimestamp, row, row::tenant_columns};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, Tenant, TenantId};
use dalston_store::{StoreResult, TenantStore};
use sqlx::PgConnection;

impl PostgresStore {
    /// Inserts the default tenant, unless it exists.
    pub(crate) async fn insert_default_tenant(&self) -> StoreResult<()> {
        self.call(async {
            let sql = "INSERT INTO tenants (id, created_at) VALUES ($1, coalesce($2, clock_timestamp())) \
                       ON CONFLICT (id) DO NOTHING";
            let query = sqlx::query(sql).bind(TenantId::DEFAULT).bind(self.now());
            query.execute(&mut *self.lease().await?).await?;
            Ok(())
        })
        .await
    }
}

/// Inserts the tenant. Returns `false` if the id is taken.
pub(crate) async fn insert(conn: &mut PgConnection, tenant: &Tenant) -> sqlx::Result<bool> {
    let sql = concat!("INSERT INTO tenants (", tenant_columns!(), ") VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING");
    let query = sqlx::query(sql).bind(tenant.id.as_str()).bind(tenant.name.as_ref().map(dalston_model::Name::as_str));
    let done = query.bind(PgTimestamp(tenant.created_at)).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Returns whether the tenant exists.
pub(crate) async fn exists(conn: &mut PgConnection, id: &TenantId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM tenants WHERE id = $1)").bind(id.as_str()).fetch_one(conn).await
}

#[async_trait]
impl TenantStore for PostgresStore {
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let inserted = insert(change.conn(), tenant).await?;
            if inserted {
                change.commit(entry).await?;
            }
            Ok(inserted)
        })
        .await
    }

    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        self.call(async {
            let sql = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE id = $1");
            let query = sqlx::query(sql).bind(id.as_str()).try_map(|row| row::tenant(&row));
            query.fetch_optional(&mut *self.lease().await?).await
        })
        .await
    }

    async fn tenants(&self, request: &PageRequest) -> StoreResult<Page<Tenant>> {
        self.call(async {
            let sql = concat!(
                "SELECT ",
                tenant_columns!(),
                " FROM tenants WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC OFFSET $3 LIMIT $4"
            );
            let Bounds { before, id, skip, limit } = Bounds::of(request, String::new());
            let query = sqlx::query(sql).bind(before).bind(id).bind(skip).bind(limit);
            let rows = query.try_map(|row| row::tenant(&row)).fetch_all(&mut *self.lease().await?).await?;
            Ok(Page::cut(rows, request.limit, |tenant| Cursor {
                created_at: tenant.created_at,
                id: tenant.id.to_string(),
            }))
        })
        .await
    }

    async fn tenant_count(&self) -> StoreResult<u64> {
        self.call(async {
            let query = sqlx::query("SELECT count(*) FROM tenants").try_map(|row| row::count(&row, "count"));
            query.fetch_one(&mut *self.lease().await?).await
        })
        .await
    }
}
