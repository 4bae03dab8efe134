//! Webhooks and their outbox.

use super::{
    delivery::{AttemptArgument, DeliveryRow},
    job::EventArgument,
    scripts::{self, SCRIPTS},
    webhook::{self, ChangeArgument, InsertArgument},
};
use crate::{RedisStore, argument::argument, audit::AuditArgument, page};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreError, StoreResult};
use dalston_work::{
    AttemptOutcome, Delivery, DeliveryId, DeliveryStatus, DueDelivery, Event, InsertWebhookOutcome,
    RotateWebhookOutcome, Webhook, WebhookId, WebhookPatch, WebhookSecret, WebhookStore,
};
use std::time::Duration;

/// A delivery, the record of its webhook, the webhook's secret, and its previous secret.
type DueRow = (DeliveryRow, String, String, Option<String>);

#[async_trait]
impl WebhookStore for RedisStore {
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome> {
        let given = argument(&InsertArgument::new(webhook, secret, entry)?)?;
        let answer: String = self.link.call().run(&SCRIPTS.insert_webhook.arg(given)).await?;
        match answer.as_str() {
            "inserted" => Ok(InsertWebhookOutcome::Inserted),
            "unknown_tenant" => Ok(InsertWebhookOutcome::UnknownTenant),
            "too_many" => Ok(InsertWebhookOutcome::TooMany),
            _ => Err(StoreError::corrupt("the answer of a script")),
        }
    }

    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>> {
        let mut script = SCRIPTS.read_webhook.arg(tenant.as_str());
        let json: Option<String> = self.link.call().run(script.arg(id.to_string())).await?;
        json.as_deref().map(webhook::webhook).transpose()
    }

    async fn webhooks(&self, tenant: &TenantId, request: &PageRequest) -> StoreResult<Page<Webhook>> {
        let mut script = SCRIPTS.list_webhooks.key(scripts::webhooks(tenant));
        let rows: Vec<String> = self.link.call().run(script.arg(&page::arguments(request))).await?;
        let webhooks = rows.iter().map(|json| webhook::webhook(json)).collect::<StoreResult<Vec<_>>>()?;
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
        let call = self.link.call();
        // The deadline of the call ends the loop.
        loop {
            let mut script = SCRIPTS.read_webhook.arg(tenant.as_str());
            let json: Option<String> = call.run(script.arg(id.to_string())).await?;
            let Some(before) = json else { return Ok(None) };
            let after = patch.apply(webhook::webhook(&before)?);
            let given = argument(&ChangeArgument::new(&after, &before, entry)?)?;
            if call.run::<u8>(&SCRIPTS.change_webhook.arg(given)).await? == 1 {
                return Ok(Some(after));
            }
        }
    }

    async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        secret: &WebhookSecret,
        overlap: Overlap,
        entry: &AuditEntry,
    ) -> StoreResult<RotateWebhookOutcome> {
        let mut script = SCRIPTS.rotate_webhook.arg(tenant.as_str());
        script.arg(id.to_string()).arg(secret.expose()).arg(overlap.length.as_micros().to_string());
        script.arg(u8::from(overlap.end_running)).arg(argument(&AuditArgument::new(entry)?)?).arg(self.now());
        let answer: Option<(Option<String>, i64)> = self.link.call().run(&script).await?;
        let Some((json, until)) = answer else { return Ok(RotateWebhookOutcome::Unknown) };
        let until = Timestamp::from_micros(until);
        let Some(json) = json else { return Ok(RotateWebhookOutcome::Overlapping(until)) };
        Ok(RotateWebhookOutcome::Rotated { webhook: Box::new(webhook::webhook(&json)?), previous_expires_at: until })
    }

    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool> {
        let mut script = SCRIPTS.delete_webhook.arg(tenant.as_str());
        script.arg(id.to_string()).arg(argument(&AuditArgument::new(entry)?)?);
        Ok(self.link.call().run::<u8>(&script).await? == 1)
    }

    async fn publish_event(&self, event: &Event) -> StoreResult<()> {
        self.link.call().run(&SCRIPTS.publish_event.arg(argument(&EventArgument::new(event.clone()))?)).await
    }

    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>> {
        let mut script = SCRIPTS.take_deliveries.arg(limit);
        script.arg(ttl.as_micros().to_string()).arg(self.now());
        for webhook in but {
            script.arg(webhook.to_string());
        }
        let rows: Vec<DueRow> = self.link.call().run(&script).await?;
        let due = |(row, json, secret, old): DueRow| {
            let secrets = [Some(secret), old].into_iter().flatten().map(WebhookSecret::new).collect();
            Ok(DueDelivery { delivery: row.delivery()?, webhook: webhook::webhook(&json)?, secrets })
        };
        rows.into_iter().map(due).collect()
    }

    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool> {
        let call = self.link.call();
        // The deadline of the call ends the loop.
        loop {
            let mut script = SCRIPTS.read_delivery.arg(attempted.tenant.as_str());
            script.arg(attempted.delivery.to_string()).arg(self.now());
            let found: Option<(DeliveryRow, String, i64)> = call.run(&script).await?;
            let Some((row, before, now)) = found else { return Ok(false) };
            let delivery = row.delivery()?;
            if delivery.status != DeliveryStatus::Pending || delivery.attempts != attempted.attempt {
                return Ok(false);
            }
            let status = match (&attempted.error, attempted.next_at) {
                (None, _) => DeliveryStatus::Delivered,
                (Some(_), None) => DeliveryStatus::Failed,
                (Some(_), Some(_)) => DeliveryStatus::Pending,
            };
            let mut after = webhook::webhook(&before)?;
            match status {
                DeliveryStatus::Pending => {}
                DeliveryStatus::Delivered => {
                    after.last_success_at = Some(attempted.at);
                    after.exhausted = 0;
                }
                DeliveryStatus::Failed => after.exhausted = after.exhausted.saturating_add(1),
            }
            let now = Timestamp::from_micros(now);
            let dead = status == DeliveryStatus::Failed && after.is_dead(now);
            if dead {
                after.enabled = false;
                after.disabled_at = Some(now);
            }
            let changed = (status != DeliveryStatus::Pending).then_some((before.as_str(), &after));
            let given = AttemptArgument::new(attempted, &delivery, status, changed, dead.then_some(disabled))?;
            if call.run::<u8>(&SCRIPTS.finish_delivery.arg(argument(&given)?)).await? == 1 {
                return Ok(dead);
            }
        }
    }

    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, request: &PageRequest) -> StoreResult<Page<Delivery>> {
        let mut script = SCRIPTS.list_deliveries.arg(tenant.as_str());
        script.arg(id.to_string()).arg(&page::arguments(request));
        let rows: Vec<DeliveryRow> = self.link.call().run(&script).await?;
        let deliveries = rows.into_iter().map(DeliveryRow::delivery).collect::<StoreResult<Vec<_>>>()?;
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
        let mut script = SCRIPTS.retry_delivery.arg(tenant.as_str());
        script.arg(webhook.to_string()).arg(id.to_string()).arg(at.as_micros());
        script.arg(argument(&AuditArgument::new(entry)?)?);
        let row: Option<DeliveryRow> = self.link.call().run(&script).await?;
        row.map(DeliveryRow::delivery).transpose()
    }

    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32> {
        let mut script = SCRIPTS.sweep_deliveries.arg(before.as_micros());
        self.link.call().run(script.arg(limit)).await
    }
}
