//! Webhooks, in Postgres. See `outbox.rs` for the deliveries.

use super::{
    outbox,
    row::{self, delivery_columns, webhook_columns},
};
use crate::{PostgresStore, change::Change, page::Bounds, pg_timestamp::PgTimestamp, tenants};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreResult};
use dalston_work::{
    AttemptOutcome, Delivery, DeliveryId, DueDelivery, Event, InsertWebhookOutcome, RotateWebhookOutcome, Webhook,
    WebhookId, WebhookPatch, WebhookSecret, WebhookStore,
};
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

const SELECT: &str = concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE tenant_id = $1 AND id = $2");

/// Waits for the transaction of an attempt that is being recorded.
const LOCK: &str =
    concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE");

const INSERT: &str = concat!(
    "INSERT INTO webhooks (",
    webhook_columns!(),
    ", secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

const PAGE: &str = concat!(
    "SELECT ",
    webhook_columns!(),
    " FROM webhooks WHERE tenant_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC \
     OFFSET $4 LIMIT $5"
);

/// By the configured clock, or the server's.
const OVERLAPPING_UNTIL: &str =
    "SELECT old_secret_ends_at AS until, coalesce($2, clock_timestamp()) AS now FROM webhooks WHERE id = $1";

const ROTATE: &str = "UPDATE webhooks SET secret = $2, old_secret = secret, old_secret_ends_at = $3 WHERE id = $1";

const DELIVERIES: &str = concat!(
    "SELECT ",
    delivery_columns!(),
    " FROM deliveries WHERE webhook_id = $6 AND (SELECT tenant_id FROM webhooks WHERE id = $6) = $1 \
     AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC OFFSET $4 LIMIT $5"
);

const RETRY: &str = concat!(
    "UPDATE deliveries SET status = 'pending', attempts = 0, next_at = $4 WHERE id = $3 AND webhook_id = $2 \
     AND status <> 'pending' AND (SELECT tenant_id FROM webhooks WHERE id = $2) = $1 RETURNING ",
    delivery_columns!()
);

/// Skips deliveries that other transactions have locked.
const SWEEP: &str = "
    DELETE FROM deliveries WHERE id = ANY (ARRAY(
        SELECT id FROM deliveries WHERE status <> 'pending' AND created_at < $1
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

async fn find(
    conn: &mut PgConnection,
    sql: &'static str,
    tenant: &TenantId,
    id: WebhookId,
) -> sqlx::Result<Option<Webhook>> {
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(id.as_uuid());
    query.try_map(|row| row::webhook(&row)).fetch_optional(conn).await
}

async fn insert(conn: &mut PgConnection, webhook: &Webhook, secret: &WebhookSecret) -> sqlx::Result<()> {
    sqlx::query(INSERT)
        .bind(webhook.id.as_uuid())
        .bind(webhook.tenant.as_str())
        .bind(&webhook.url)
        .bind(webhook.description.as_ref().map(dalston_model::Description::as_str))
        .bind(row::events(webhook))
        .bind(webhook.enabled)
        .bind(webhook.disabled_at.map(PgTimestamp))
        .bind(PgTimestamp(webhook.created_at))
        .bind(webhook.created_by.map(|actor| actor.to_string()))
        .bind(webhook.last_success_at.map(PgTimestamp))
        .bind(i64::from(webhook.exhausted))
        .bind(secret.expose())
        .execute(conn)
        .await?;
    Ok(())
}

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            if !tenants::exists(change.conn(), &webhook.tenant).await? {
                return Ok(InsertWebhookOutcome::UnknownTenant);
            }
            let query = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM webhooks WHERE tenant_id = $1");
            if query.bind(webhook.tenant.as_str()).fetch_one(change.conn()).await? >= i64::from(Webhook::MOST) {
                return Ok(InsertWebhookOutcome::TooMany);
            }
            insert(change.conn(), webhook, secret).await?;
            change.commit(entry).await?;
            Ok(InsertWebhookOutcome::Inserted)
        })
        .await
    }

    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>> {
        self.call(async { find(&mut *self.lease().await?, SELECT, tenant, id).await }).await
    }

    async fn webhooks(&self, tenant: &TenantId, request: &PageRequest) -> StoreResult<Page<Webhook>> {
        self.call(async {
            let Bounds { before, id, skip, limit } = Bounds::of(request, WebhookId::from_uuid(Uuid::nil()));
            let query = sqlx::query(PAGE).bind(tenant.as_str()).bind(before).bind(id.as_uuid()).bind(skip).bind(limit);
            let rows = query.try_map(|row| row::webhook(&row)).fetch_all(&mut *self.lease().await?).await?;
            let cursor = |webhook: &Webhook| Cursor { created_at: webhook.created_at, id: webhook.id.to_string() };
            Ok(Page::cut(rows, request.limit, cursor))
        })
        .await
    }

    async fn update_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        patch: &WebhookPatch,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Webhook>> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let Some(before) = find(change.conn(), LOCK, tenant, id).await? else { return Ok(None) };
            let after = patch.apply(before);
            outbox::write(change.conn(), &after).await?;
            change.commit(entry).await?;
            Ok(Some(after))
        })
        .await
    }

    async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        secret: &WebhookSecret,
        overlap: Overlap,
        entry: &AuditEntry,
    ) -> StoreResult<RotateWebhookOutcome> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let Some(webhook) = find(change.conn(), LOCK, tenant, id).await? else {
                return Ok(RotateWebhookOutcome::Unknown);
            };
            let until = sqlx::query(OVERLAPPING_UNTIL).bind(id.as_uuid()).bind(self.now());
            let (until, now) = until.try_map(|row| row::overlap(&row)).fetch_one(change.conn()).await?;
            if let Some(until) = overlap.conflict(until, now) {
                return Ok(RotateWebhookOutcome::Overlapping(until));
            }
            let previous_expires_at = now.plus(overlap.length);
            let query = sqlx::query(ROTATE).bind(id.as_uuid()).bind(secret.expose());
            query.bind(PgTimestamp(previous_expires_at)).execute(change.conn()).await?;
            change.commit(entry).await?;
            Ok(RotateWebhookOutcome::Rotated { webhook: Box::new(webhook), previous_expires_at })
        })
        .await
    }

    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let query = sqlx::query("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2").bind(tenant.as_str());
            let known = query.bind(id.as_uuid()).execute(change.conn()).await?.rows_affected() == 1;
            if known {
                change.commit(entry).await?;
            }
            Ok(known)
        })
        .await
    }

    async fn publish_event(&self, event: &Event) -> StoreResult<()> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = lease.begin().await?;
            outbox::put(&mut change, event).await?;
            change.commit().await
        })
        .await
    }

    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>> {
        self.call(async { outbox::take(&mut self.lease().await?, limit, ttl, but, self.now()).await }).await
    }

    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool> {
        self.call(async { outbox::finish(&mut self.lease().await?, attempted, self.now(), disabled).await }).await
    }

    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, request: &PageRequest) -> StoreResult<Page<Delivery>> {
        self.call(async {
            let bounds = Bounds::of(request, DeliveryId::from_uuid(Uuid::nil()));
            let query = sqlx::query(DELIVERIES).bind(tenant.as_str()).bind(bounds.before).bind(bounds.id.as_uuid());
            let query = query.bind(bounds.skip).bind(bounds.limit).bind(id.as_uuid());
            let rows = query.try_map(|row| row::delivery(&row)).fetch_all(&mut *self.lease().await?).await?;
            let cursor = |delivery: &Delivery| Cursor { created_at: delivery.created_at, id: delivery.id.to_string() };
            Ok(Page::cut(rows, request.limit, cursor))
        })
        .await
    }

    async fn retry_delivery(
        &self,
        tenant: &TenantId,
        webhook: WebhookId,
        id: DeliveryId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Delivery>> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let query = sqlx::query(RETRY).bind(tenant.as_str()).bind(webhook.as_uuid()).bind(id.as_uuid());
            let query = query.bind(PgTimestamp(at)).try_map(|row| row::delivery(&row));
            let Some(delivery) = query.fetch_optional(change.conn()).await? else { return Ok(None) };
            change.commit(entry).await?;
            Ok(Some(delivery))
        })
        .await
    }

    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32> {
        self.call(async {
            let query = sqlx::query(SWEEP).bind(PgTimestamp(before)).bind(i64::from(limit));
            let swept = query.execute(&mut *self.lease().await?).await?.rows_affected();
            Ok(u32::try_from(swept).unwrap_or(u32::MAX))
        })
        .await
    }
}
