//! The operations on webhooks.

use super::{
    outbox,
    webhook_row::{FIND, events, find, webhook, webhook_columns, write},
};
use crate::{
    SqliteStore, feed,
    page::{self, page},
    row, tenants,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreResult};
use dalston_work::{
    AttemptOutcome, Delivery, DeliveryId, DueDelivery, Event, InsertWebhookOutcome, RotateWebhookOutcome, Webhook,
    WebhookId, WebhookPatch, WebhookSecret, WebhookStore,
};
use std::time::Duration;

const INSERT: &str =
    concat!("INSERT INTO webhooks (", webhook_columns!(), ", secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

pub(crate) const COUNT: &str = "SELECT count(*) FROM webhooks WHERE tenant_id = ?";

pub(crate) const LIST: &str =
    concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE tenant_id = ? AND ", page!());

pub(crate) const OVERLAPPING_UNTIL: &str = "SELECT old_ends_at FROM webhooks WHERE id = ?";

/// The right-hand sides see the row before the update.
pub(crate) const ROTATE: &str = "UPDATE webhooks SET old_secret = secret, old_ends_at = ?, secret = ? WHERE id = ?";

pub(crate) const DELETE: &str = "DELETE FROM webhooks WHERE id = ?";

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            if !tenants::exists(&mut change, &webhook.tenant).await? {
                return Ok(InsertWebhookOutcome::UnknownTenant);
            }
            let own: u32 = sqlx::query_scalar(COUNT).bind(webhook.tenant.as_str()).fetch_one(&mut *change).await?;
            if own >= Webhook::MOST {
                return Ok(InsertWebhookOutcome::TooMany);
            }
            sqlx::query(INSERT)
                .bind(webhook.id.to_string())
                .bind(webhook.tenant.as_str())
                .bind(webhook.url.clone())
                .bind(super::text(webhook.description.as_ref()))
                .bind(events(webhook))
                .bind(webhook.enabled)
                .bind(row::micros(webhook.disabled_at))
                .bind(webhook.created_at.as_micros())
                .bind(super::text(webhook.created_by))
                .bind(row::micros(webhook.last_success_at))
                .bind(webhook.exhausted)
                .bind(secret.expose())
                .execute(&mut *change)
                .await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(InsertWebhookOutcome::Inserted)
        })
        .await
    }

    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>> {
        let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str()).try_map(|row| webhook(&row));
        self.call(find.fetch_optional(&self.readers)).await
    }

    async fn webhooks(&self, tenant: &TenantId, request: &PageRequest) -> StoreResult<Page<Webhook>> {
        let list = page::bind(sqlx::query(LIST).bind(tenant.as_str()), request).try_map(|row| webhook(&row));
        let webhooks = self.call(list.fetch_all(&self.readers)).await?;
        let cursor = |webhook: &Webhook| Cursor { created_at: webhook.created_at, id: webhook.id.to_string() };
        Ok(Page::cut(webhooks, request.limit, cursor))
    }

    async fn update_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        patch: &WebhookPatch,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Webhook>> {
        self.call(async {
            let mut change = self.change().await?;
            let Some(before) = find(&mut change, tenant, id).await? else { return Ok(None) };
            let after = patch.apply(before);
            write(&mut change, &after).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
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
            let mut change = self.change().await?;
            let now = self.clock.now();
            let Some(webhook) = find(&mut change, tenant, id).await? else { return Ok(RotateWebhookOutcome::Unknown) };
            let until = sqlx::query(OVERLAPPING_UNTIL).bind(id.to_string());
            let until = until.try_map(|row| row::time_if_any(&row, "old_ends_at")).fetch_one(&mut *change).await?;
            if let Some(until) = overlap.conflict(until, now) {
                return Ok(RotateWebhookOutcome::Overlapping(until));
            }
            let previous_expires_at = now.plus(overlap.length);
            let rotate = sqlx::query(ROTATE).bind(previous_expires_at.as_micros()).bind(secret.expose());
            rotate.bind(id.to_string()).execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(RotateWebhookOutcome::Rotated { webhook: Box::new(webhook), previous_expires_at })
        })
        .await
    }

    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if find(&mut change, tenant, id).await?.is_none() {
                return Ok(false);
            }
            sqlx::query(outbox::DELETE_ALL).bind(id.to_string()).execute(&mut *change).await?;
            sqlx::query(DELETE).bind(id.to_string()).execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn publish_event(&self, event: &Event) -> StoreResult<()> {
        self.call(async {
            let mut change = self.change().await?;
            outbox::tell(&mut change, event).await?;
            change.commit().await
        })
        .await
    }

    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>> {
        self.call(async {
            let mut change = self.change().await?;
            let taken = outbox::take(&mut change, limit, ttl, but, self.clock.now()).await?;
            change.commit().await?;
            Ok(taken)
        })
        .await
    }

    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            let dead = outbox::finish(&mut change, attempted, self.clock.now()).await?;
            if dead {
                feed::record(&mut change, disabled).await?;
            }
            change.commit().await?;
            Ok(dead)
        })
        .await
    }

    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, request: &PageRequest) -> StoreResult<Page<Delivery>> {
        let list = sqlx::query(outbox::LIST).bind(id.to_string()).bind(tenant.as_str());
        let list = page::bind(list, request).try_map(|row| outbox::delivery(&row));
        let deliveries = self.call(list.fetch_all(&self.readers)).await?;
        let cursor = |delivery: &Delivery| Cursor { created_at: delivery.created_at, id: delivery.id.to_string() };
        Ok(Page::cut(deliveries, request.limit, cursor))
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
            let mut change = self.change().await?;
            let retry = sqlx::query(outbox::RETRY)
                .bind(at.as_micros())
                .bind(id.to_string())
                .bind(webhook.to_string())
                .bind(tenant.as_str())
                .try_map(|row| outbox::delivery(&row));
            let Some(delivery) = retry.fetch_optional(&mut *change).await? else { return Ok(None) };
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(Some(delivery))
        })
        .await
    }

    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32> {
        self.call(async {
            let mut change = self.change().await?;
            let sweep = sqlx::query(outbox::SWEEP).bind(before.as_micros()).bind(limit);
            let swept = sweep.execute(&mut *change).await?.rows_affected();
            change.commit().await?;
            Ok(u32::try_from(swept).unwrap_or(u32::MAX))
        })
        .await
    }
}
