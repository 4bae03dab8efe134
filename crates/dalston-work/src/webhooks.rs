//! Webhooks and their outbox.

use crate::{Delivery, DeliveryId, Event, Webhook, WebhookId, WebhookPatch, WebhookSecret};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{Overlap, StoreResult};
use std::time::Duration;

/// What came of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertWebhookOutcome {
    /// The webhook is there.
    Inserted,
    /// There is no such tenant.
    UnknownTenant,
    /// The tenant has [`Webhook::MOST`] already.
    TooMany,
}

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq)]
pub enum RotateWebhookOutcome {
    /// The webhook has the new secret.
    Rotated {
        /// The webhook as it is now.
        webhook: Box<Webhook>,
        /// When the secret before ends, by the store's clock.
        previous_expires_at: Timestamp,
    },
    /// No such webhook in the tenant.
    Unknown,
    /// The overlap of an earlier rotation runs until then; nothing was changed.
    Overlapping(Timestamp),
}

/// A delivery to be made now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    /// The delivery; its attempt has been counted already.
    pub delivery: Delivery,
    /// The webhook.
    pub webhook: Webhook,
    /// The secrets that sign: the current one, then the one before while a rotation overlaps.
    pub secrets: Vec<WebhookSecret>,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// The tenant.
    pub tenant: TenantId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The number of the attempt ([`Delivery::attempts`] as it was taken): a later one makes it void.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// What the endpoint answered, if it did.
    pub status: Option<u16>,
    /// Why it failed; `None`: it arrived.
    pub error: Option<String>,
    /// When it is tried again; `None` after a failure: it is given up.
    pub next_at: Option<Timestamp>,
}

/// The steps on webhooks.
///
/// An event enters the outbox once: for every webhook of its tenant that listens to it ([`Webhook::subscribes_to`]) a
/// [`Delivery::new`], unless that delivery is there already. Whatever ends a job puts the event of that end there in
/// the same transaction.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Inserts the webhook with its secret.
    async fn insert_webhook(
        &self,
        webhook: &Webhook,
        secret: &WebhookSecret,
        entry: &AuditEntry,
    ) -> StoreResult<InsertWebhookOutcome>;

    /// The webhook of this id in this tenant.
    async fn webhook(&self, tenant: &TenantId, id: WebhookId) -> StoreResult<Option<Webhook>>;

    /// A page of the tenant's webhooks.
    async fn webhooks(&self, tenant: &TenantId, page: &PageRequest) -> StoreResult<Page<Webhook>>;

    /// Changes the fields that the patch names. Gives the webhook as it is now; `None`: no such webhook.
    async fn update_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        patch: &WebhookPatch,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Webhook>>;

    /// Gives the webhook a new secret, unless an overlap forbids it ([`Overlap::conflict`]). The one before signs too
    /// while the new overlap runs; one that was overlapping already ends at once.
    async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        id: WebhookId,
        secret: &WebhookSecret,
        overlap: Overlap,
        entry: &AuditEntry,
    ) -> StoreResult<RotateWebhookOutcome>;

    /// Deletes the webhook with its secrets and its deliveries.
    async fn delete_webhook(&self, tenant: &TenantId, id: WebhookId, entry: &AuditEntry) -> StoreResult<bool>;

    /// Puts the event into the outbox of its tenant's webhooks. The same event (its kind and subject) published again,
    /// by this node or another, adds no delivery: whoever does not know whether a call succeeded repeats it.
    async fn publish_event(&self, event: &Event) -> StoreResult<()>;

    /// Takes up to `limit` deliveries that are due, oldest due first, of webhooks that are enabled: counts the attempt and
    /// puts the next one off by `ttl`, so that another node takes it when this one dies. Those of a disabled webhook
    /// stay, and so do those of the webhooks in `but`, which have enough under way: a slow endpoint holds up no other.
    async fn take_deliveries(&self, limit: u32, ttl: Duration, but: &[WebhookId]) -> StoreResult<Vec<DueDelivery>>;

    /// Notes how an attempt went, unless another one began since, or the delivery has ended or is gone. A delivery that arrived is
    /// [`DeliveryStatus::Delivered`](crate::DeliveryStatus::Delivered), and the webhook's `last_success_at` and `exhausted` follow; one that
    /// is given up is `Failed`, `exhausted` counts it, and a webhook that [`Webhook::is_dead`] then is switched off
    /// (`disabled_at`), with the record `disabled`. Tells whether it was switched off.
    async fn finish_delivery(&self, attempted: &AttemptOutcome, disabled: &AuditEntry) -> StoreResult<bool>;

    /// A page of a webhook's deliveries.
    async fn deliveries(&self, tenant: &TenantId, id: WebhookId, page: &PageRequest) -> StoreResult<Page<Delivery>>;

    /// Starts an ended delivery again, due at `at`, with no attempt counted. `None`: no such delivery, or it is pending.
    async fn retry_delivery(
        &self,
        tenant: &TenantId,
        webhook: WebhookId,
        id: DeliveryId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<Option<Delivery>>;

    /// Deletes up to `limit` ended deliveries that were made before `before`. Tells how many.
    async fn sweep_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u32>;
}
