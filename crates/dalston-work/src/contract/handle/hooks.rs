//! Sample webhooks and webhook operations.

use super::{WorkHandle, page};
use crate::{
    AttemptOutcome, Delivery, DueDelivery, EventKind, InsertWebhookOutcome, RotateWebhookOutcome, Webhook, WebhookId,
    WebhookPatch, WebhookSecret, WorkAction, WorkTarget,
};
use dalston_model::{OsEntropy, Start, TenantId, Timestamp};
use dalston_store::Overlap;
use std::time::Duration;

/// Returns the secret with this number.
pub(in crate::contract) fn secret(number: usize) -> WebhookSecret {
    WebhookSecret::new(format!("whsec_{number:032}"))
}

impl WorkHandle {
    /// Returns a webhook of `default` that subscribes to all events and is not in the store yet.
    pub(in crate::contract) fn new_webhook(&self) -> Webhook {
        self.clock.advance(Duration::from_millis(1));
        Webhook {
            id: WebhookId::new(self.now(), &OsEntropy).unwrap(),
            tenant: TenantId::default(),
            url: "https://example.com/hook".to_owned(),
            description: None,
            events: Vec::new(),
            enabled: true,
            disabled_at: None,
            created_at: self.now(),
            created_by: None,
            last_success_at: None,
            exhausted: 0,
        }
    }

    pub(in crate::contract) async fn try_insert_webhook(&self, webhook: &Webhook) -> InsertWebhookOutcome {
        let entry = self.entry(WorkAction::WEBHOOK_CREATED, &webhook.tenant, WorkTarget::Webhook(webhook.id).into());
        self.store.insert_webhook(webhook, &secret(0), &entry).await.unwrap()
    }

    /// Inserts and returns a webhook of `default` that subscribes to these event kinds; empty means all.
    pub(in crate::contract) async fn webhook(&self, events: &[EventKind]) -> Webhook {
        let webhook = Webhook { events: events.to_vec(), ..self.new_webhook() };
        assert_eq!(self.try_insert_webhook(&webhook).await, InsertWebhookOutcome::Inserted);
        webhook
    }

    /// Returns the stored webhook.
    pub(in crate::contract) async fn look_webhook(&self, webhook: &Webhook) -> Webhook {
        self.store.webhook(&webhook.tenant, webhook.id).await.unwrap().unwrap()
    }

    pub(in crate::contract) async fn patch_webhook(&self, webhook: &Webhook, patch: &WebhookPatch) -> Option<Webhook> {
        let entry = self.entry(WorkAction::WEBHOOK_UPDATED, &webhook.tenant, WorkTarget::Webhook(webhook.id).into());
        self.store.update_webhook(&webhook.tenant, webhook.id, patch, &entry).await.unwrap()
    }

    /// Enables or disables the webhook.
    pub(in crate::contract) async fn switch(&self, webhook: &Webhook, on: bool) {
        let patch = WebhookPatch { enabled: Some(on), ..WebhookPatch::default() };
        assert!(self.patch_webhook(webhook, &patch).await.is_some());
    }

    /// Rotates the webhook's secret to the one with this number. The previous secret also signs for `length`;
    /// `end_running` ends an overlap that is still active.
    pub(in crate::contract) async fn rotate_webhook(
        &self,
        webhook: &Webhook,
        number: usize,
        length: Duration,
        end_running: bool,
    ) -> RotateWebhookOutcome {
        let overlap = Overlap { length, end_running };
        let entry = self.entry(WorkAction::WEBHOOK_ROTATED, &webhook.tenant, WorkTarget::Webhook(webhook.id).into());
        self.store.rotate_webhook(&webhook.tenant, webhook.id, &secret(number), overlap, &entry).await.unwrap()
    }

    /// Returns the outcome that a successful rotation has now.
    pub(in crate::contract) fn rotated(&self, webhook: &Webhook, length: Duration) -> RotateWebhookOutcome {
        RotateWebhookOutcome::Rotated {
            webhook: Box::new(webhook.clone()),
            previous_expires_at: self.now().plus(length),
        }
    }

    pub(in crate::contract) async fn delete_webhook(&self, webhook: &Webhook) -> bool {
        let entry = self.entry(WorkAction::WEBHOOK_DELETED, &webhook.tenant, WorkTarget::Webhook(webhook.id).into());
        self.store.delete_webhook(&webhook.tenant, webhook.id, &entry).await.unwrap()
    }

    /// Returns all deliveries of the webhook, newest first.
    pub(in crate::contract) async fn deliveries(&self, webhook: &Webhook) -> Vec<Delivery> {
        self.store.deliveries(&webhook.tenant, webhook.id, &page(100, Start::Newest)).await.unwrap().items
    }

    /// Cancels a new job of `default`, which puts a delivery into the outbox of every webhook that subscribes to it.
    pub(in crate::contract) async fn happen(&self) {
        let job = self.pending(&TenantId::default()).await;
        assert_eq!(self.cancel(&job).await, crate::CancelJobOutcome::Cancelled);
    }

    /// Takes all due deliveries, for one minute.
    pub(in crate::contract) async fn take(&self) -> Vec<DueDelivery> {
        self.store.take_deliveries(100, super::work::MINUTE, &[]).await.unwrap()
    }

    /// Takes the only due delivery.
    pub(in crate::contract) async fn take_one(&self) -> DueDelivery {
        let mut due = self.take().await;
        assert_eq!(due.len(), 1, "{due:?}");
        due.remove(0)
    }

    /// Returns the outcome of a successful attempt that ended now.
    pub(in crate::contract) fn arrived(&self, due: &DueDelivery) -> AttemptOutcome {
        AttemptOutcome {
            tenant: due.webhook.tenant.clone(),
            delivery: due.delivery.id,
            attempt: due.delivery.attempts,
            at: self.now(),
            status: Some(204),
            error: None,
            next_at: None,
        }
    }

    /// Returns the outcome of a failed attempt, which is retried at `next_at` or given up.
    pub(in crate::contract) fn missed(&self, due: &DueDelivery, next_at: Option<Timestamp>) -> AttemptOutcome {
        let error = Some("it 'answered' 500\n🎉".to_owned());
        AttemptOutcome { status: Some(500), error, next_at, ..self.arrived(due) }
    }

    /// Stores the outcome of the attempt. Returns whether the webhook was disabled.
    pub(in crate::contract) async fn note(&self, attempted: &AttemptOutcome, webhook: &Webhook) -> bool {
        let entry = self.entry(WorkAction::WEBHOOK_DISABLED, &webhook.tenant, WorkTarget::Webhook(webhook.id).into());
        self.store.finish_delivery(attempted, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn retry(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        at: Timestamp,
    ) -> Option<Delivery> {
        let entry = self.entry(WorkAction::DELIVERY_RETRIED, &webhook.tenant, WorkTarget::Delivery(delivery.id).into());
        self.store.retry_delivery(&webhook.tenant, webhook.id, delivery.id, at, &entry).await.unwrap()
    }
}
