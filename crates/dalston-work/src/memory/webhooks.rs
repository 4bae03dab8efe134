//! Webhook and outbox operations of the in-memory engine.

use super::{MemoryWorkStore, WebhookRow, WorkTransaction};
use crate::{
    AttemptOutcome, Delivery, DeliveryId, DeliveryStatus, DueDelivery, Event, InsertWebhookOutcome,
    RotateWebhookOutcome, Webhook, WebhookId, WebhookPatch, WebhookSecret, WebhookStore,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreResult, sorted_page};
use std::time::Duration;

impl WorkTransaction<'_> {
    /// Puts the event into the outbox of every webhook that subscribes to it.
    pub(super) fn enqueue_event(&mut self, event: &Event) {
        let work = &mut self.work;
        let hearing = work.webhooks.values().map(|row| &row.webhook);
        let hearing = hearing.filter(|webhook| webhook.tenant == event.tenant && webhook.subscribes_to(event.kind));
        for id in hearing.map(|webhook| webhook.id) {
            let delivery = Delivery::new(event, id);
            work.deliveries.entry(delivery.id).or_insert(delivery);
        }
    }

    fn webhook_row(&mut self, tenant: &TenantId, id: WebhookId) -> Option<&mut WebhookRow> {
        self.work.webhooks.get_mut(&id).filter(|row| row.webhook.tenant == *tenant)
    }
}

#[async_trait]
impl WebhookStore for MemoryWorkStore {
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome> {
        let mut state = WorkTransaction::of(self);
        if !state.has_tenant(&webhook.tenant) {
            return Ok(InsertWebhookOutcome::UnknownTenant);
        }
        let own = state.work.webhooks.values().filter(|row| row.webhook.tenant == webhook.tenant).count();
        if own >= usize::try_from(Webhook::MOST).unwrap_or(usize::MAX) {
            return Ok(InsertWebhookOutcome::TooMany);
        }
        let row = WebhookRow { webhook: webhook.clone(), secret: secret.clone(), old: None };
        state.work.webhooks.insert(webhook.id, row);
        state.record(entry);
        Ok(InsertWebhookOutcome::Inserted)
    }

    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>> {
        Ok(WorkTransaction::of(self).webhook_row(tenant, id).map(|row| row.webhook.clone()))
    }

    async fn webhooks(&self, tenant: &TenantId, request: &PageRequest) -> StoreResult<Page<Webhook>> {
        let state = WorkTransaction::of(self);
        let own = state.work.webhooks.values().map(|row| &row.webhook).filter(|webhook| webhook.tenant == *tenant);
        let cursor = |webhook: &Webhook| Cursor { created_at: webhook.created_at, id: webhook.id.to_string() };
        Ok(sorted_page(own.cloned().collect(), request, cursor))
    }

    async fn update_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        patch: &WebhookPatch,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Webhook>> {
        let mut state = WorkTransaction::of(self);
        let Some(row) = state.webhook_row(tenant, id) else { return Ok(None) };
        row.webhook = patch.apply(row.webhook.clone());
        let webhook = row.webhook.clone();
        state.record(entry);
        Ok(Some(webhook))
    }

    async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        secret: &WebhookSecret,
        overlap: Overlap,
        entry: &AuditEntry,
    ) -> StoreResult<RotateWebhookOutcome> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let Some(row) = state.webhook_row(tenant, id) else { return Ok(RotateWebhookOutcome::Unknown) };
        if let Some(until) = overlap.conflict(row.old.as_ref().map(|(_, until)| *until), now) {
            return Ok(RotateWebhookOutcome::Overlapping(until));
        }
        let previous_expires_at = now.plus(overlap.length);
        row.old = Some((std::mem::replace(&mut row.secret, secret.clone()), previous_expires_at));
        let webhook = Box::new(row.webhook.clone());
        state.record(entry);
        Ok(RotateWebhookOutcome::Rotated { webhook, previous_expires_at })
    }

    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = WorkTransaction::of(self);
        if state.webhook_row(tenant, id).is_none() {
            return Ok(false);
        }
        state.work.webhooks.remove(&id);
        state.work.deliveries.retain(|_, delivery| delivery.webhook != id);
        state.record(entry);
        Ok(true)
    }

    async fn publish_event(&self, event: &Event) -> StoreResult<()> {
        WorkTransaction::of(self).enqueue_event(event);
        Ok(())
    }

    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let enabled =
            |id: WebhookId| state.work.webhooks.get(&id).is_some_and(|row| row.webhook.enabled && !but.contains(&id));
        let due = state.work.deliveries.values().filter(|delivery| delivery.next_at.is_some_and(|at| at <= now));
        let mut due: Vec<_> = due.filter(|it| enabled(it.webhook)).map(|it| (it.next_at, it.id)).collect();
        due.sort();
        due.truncate(limit.try_into().unwrap_or(usize::MAX));
        let mut taken = Vec::with_capacity(due.len());
        for (_, id) in due {
            let Some(delivery) = state.work.deliveries.get_mut(&id) else { continue };
            delivery.attempts += 1;
            delivery.next_at = Some(now.plus(ttl));
            let delivery = delivery.clone();
            let Some(row) = state.work.webhooks.get(&delivery.webhook) else { continue };
            let old = row.old.as_ref().filter(|(_, end)| now < *end).map(|(secret, _)| secret.clone());
            let secrets = [row.secret.clone()].into_iter().chain(old).collect();
            taken.push(DueDelivery { delivery, webhook: row.webhook.clone(), secrets });
        }
        Ok(taken)
    }

    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let Some(id) = state.work.deliveries.get(&attempted.delivery).map(|it| it.webhook) else { return Ok(false) };
        if state.webhook_row(&attempted.tenant, id).is_none() {
            return Ok(false);
        }
        let Some(delivery) = state.work.deliveries.get_mut(&attempted.delivery) else { return Ok(false) };
        if delivery.status != DeliveryStatus::Pending || delivery.attempts != attempted.attempt {
            return Ok(false);
        }
        delivery.last_at = Some(attempted.at);
        delivery.last_status = attempted.status;
        delivery.last_error.clone_from(&attempted.error);
        delivery.next_at = attempted.next_at;
        delivery.status = match (&attempted.error, attempted.next_at) {
            (None, _) => DeliveryStatus::Delivered,
            (Some(_), None) => DeliveryStatus::Failed,
            (Some(_), Some(_)) => DeliveryStatus::Pending,
        };
        if delivery.status == DeliveryStatus::Delivered {
            delivery.next_at = None;
        }
        let status = delivery.status;
        let Some(row) = state.webhook_row(&attempted.tenant, id) else { return Ok(false) };
        match status {
            DeliveryStatus::Pending => return Ok(false),
            DeliveryStatus::Delivered => {
                row.webhook.last_success_at = Some(attempted.at);
                row.webhook.exhausted = 0;
                return Ok(false);
            }
            DeliveryStatus::Failed => row.webhook.exhausted += 1,
        }
        if !row.webhook.is_dead(now) {
            return Ok(false);
        }
        row.webhook.enabled = false;
        row.webhook.disabled_at = Some(now);
        state.record(disabled);
        Ok(true)
    }

    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, request: &PageRequest) -> StoreResult<Page<Delivery>> {
        let mut state = WorkTransaction::of(self);
        let known = state.webhook_row(tenant, id).is_some();
        let own = state.work.deliveries.values().filter(|delivery| known && delivery.webhook == id);
        let cursor = |delivery: &Delivery| Cursor { created_at: delivery.created_at, id: delivery.id.to_string() };
        Ok(sorted_page(own.cloned().collect(), request, cursor))
    }

    async fn retry_delivery(
        &self,
        tenant: &TenantId,
        webhook: WebhookId,
        id: DeliveryId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Delivery>> {
        let mut state = WorkTransaction::of(self);
        if state.webhook_row(tenant, webhook).is_none() {
            return Ok(None);
        }
        let Some(delivery) = state.work.deliveries.get_mut(&id) else { return Ok(None) };
        if delivery.webhook != webhook || delivery.status == DeliveryStatus::Pending {
            return Ok(None);
        }
        delivery.status = DeliveryStatus::Pending;
        delivery.attempts = 0;
        delivery.next_at = Some(at);
        let delivery = delivery.clone();
        state.record(entry);
        Ok(Some(delivery))
    }

    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32> {
        let mut state = WorkTransaction::of(self);
        let old = |it: &&Delivery| it.status != DeliveryStatus::Pending && it.created_at < before;
        let old: Vec<DeliveryId> = state.work.deliveries.values().filter(old).map(|delivery| delivery.id).collect();
        let swept = old.into_iter().take(limit.try_into().unwrap_or(usize::MAX));
        Ok(swept.map(|id| state.work.deliveries.remove(&id)).count().try_into().unwrap_or(u32::MAX))
    }
}
