//! Storage of webhooks and their outbox.

use crate::{Delivery, DeliveryId, Event, Webhook, WebhookId, WebhookPatch, WebhookSecret};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreResult};
use std::time::Duration;

/// Result of inserting a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertWebhookOutcome {
    /// The webhook was inserted.
    Inserted,
    /// The tenant does not exist.
    UnknownTenant,
    /// The tenant already has [`Webhook::MOST`] webhooks.
    TooMany,
}

/// Result of rotating a webhook's secret.
#[derive(Debug, Clone, PartialEq)]
pub enum RotateWebhookOutcome {
    /// The webhook has the new secret.
    Rotated {
        /// The webhook after the rotation.
        webhook: Box<Webhook>,
        /// Expiry of the previous secret, by the store's clock.
        previous_expires_at: Timestamp,
    },
    /// The tenant has no such webhook.
    Unknown,
    /// The overlap of an earlier rotation is still active until this time; nothing was changed.
    Overlapping(Timestamp),
}

/// A delivery to be sent now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    /// The delivery. Its attempt has already been counted.
    pub delivery: Delivery,
    /// The webhook.
    pub webhook: Webhook,
    /// The signing secrets: the current one, then the previous one while a rotation overlap is active.
    pub secrets: Vec<WebhookSecret>,
}

/// Result of a delivery attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// The tenant.
    pub tenant: TenantId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Number of the attempt ([`Delivery::attempts`] when it was taken). The store ignores the outcome when a later
    /// attempt has begun.
    pub attempt: u32,
    /// End of the attempt.
    pub at: Timestamp,
    /// HTTP status of the endpoint's response, if it responded.
    pub status: Option<u16>,
    /// Reason of the failure; `None` means delivered.
    pub error: Option<String>,
    /// Time of the next attempt. `None` after a failure means that the delivery is given up.
    pub next_at: Option<Timestamp>,
}

/// Operations on webhooks and deliveries.
///
/// An event enters the outbox once: every webhook of its tenant that subscribes to it ([`Webhook::subscribes_to`]) gets
/// a [`Delivery::new`], unless that delivery already exists. Every operation that ends a job puts the event into the
/// outbox in the same transaction.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Inserts the webhook with its secret.
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome>;

    /// Returns the tenant's webhook with this id.
    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>>;

    /// Returns a page of the tenant's webhooks.
    async fn webhooks(&self, tenant: &TenantId, page: &PageRequest) -> StoreResult<Page<Webhook>>;

    /// Changes the fields that are set in the patch. Returns the webhook after the change, or `None` when the tenant
    /// has no such webhook.
    async fn update_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        patch: &WebhookPatch,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Webhook>>;

    /// Replaces the webhook's secret, unless an active overlap forbids it ([`Overlap::conflict`]). The previous secret
    /// also signs while the new overlap is active. A secret that was still overlapping from an earlier rotation expires
    /// at once.
    async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        secret: &WebhookSecret,
        overlap: Overlap,
        entry: &AuditEntry,
    ) -> StoreResult<RotateWebhookOutcome>;

    /// Deletes the webhook with its secrets and deliveries. Returns `false` when the tenant has no such webhook.
    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool>;

    /// Puts the event into the outbox of its tenant's webhooks. Idempotent: publishing the same event (kind and
    /// subject) again, from any node, adds no delivery. A caller that does not know whether a call succeeded repeats
    /// it.
    async fn publish_event(&self, event: &Event) -> StoreResult<()>;

    /// Takes up to `limit` due deliveries of enabled webhooks, in order of their due time. Counts the attempt and
    /// postpones the next one by `ttl`, so that another node takes the delivery if this one dies.
    ///
    /// Deliveries of a disabled webhook stay in the outbox. So do those of the webhooks in `but`, which already have
    /// enough deliveries in flight: a slow endpoint does not delay others.
    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>>;

    /// Stores the outcome of an attempt, unless a later attempt has begun or the delivery has ended or was deleted.
    ///
    /// A successful delivery becomes [`DeliveryStatus::Delivered`](crate::DeliveryStatus::Delivered), sets the
    /// webhook's `last_success_at` and resets `exhausted`. A delivery that is given up becomes `Failed` and increments
    /// `exhausted`. If [`Webhook::is_dead`] then holds, the webhook is disabled (`disabled_at`) and `disabled` is
    /// recorded. Returns whether the webhook was disabled.
    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool>;

    /// Returns a page of a webhook's deliveries.
    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, page: &PageRequest) -> StoreResult<Page<Delivery>>;

    /// Restarts an ended delivery: due at `at`, with 0 attempts. Returns `None` when there is no such delivery or it is
    /// pending.
    async fn retry_delivery(
        &self,
        tenant: &TenantId,
        webhook: WebhookId,
        id: DeliveryId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Delivery>>;

    /// Deletes up to `limit` ended deliveries that were created before `before`. Returns the number deleted.
    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32>;
}
