//! Webhooks: endpoints of a tenant, the events that they subscribe to, and their deliveries.

use crate::{DeliveryId, Job, JobStatus, WebhookId};
use dalston_model::{Actor, Description, IdError, TenantId, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// Defines the event kinds and their list.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Kind of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name),+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

event_kinds! {
    /// A job completed.
    Completed = "transcription.completed",
    /// A job failed.
    Failed = "transcription.failed",
    /// A job was cancelled by a caller.
    Cancelled = "transcription.cancelled",
}

impl EventKind {
    /// Returns the event kind for a job that ended with this status; `None` when it has not ended.
    pub const fn of(status: JobStatus) -> Option<Self> {
        match status {
            JobStatus::Completed => Some(Self::Completed),
            JobStatus::Failed => Some(Self::Failed),
            JobStatus::Cancelled => Some(Self::Cancelled),
            JobStatus::Pending | JobStatus::Running | JobStatus::Cancelling => None,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(IdError)
    }
}

/// An event of a tenant, for the outbox of every webhook that subscribes to its kind.
///
/// The operation that ends a job puts the event into the outbox in its own transaction. The creator of any other event
/// passes it to [`WebhookStore::publish_event`](crate::WebhookStore::publish_event).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Kind of the event.
    pub kind: EventKind,
    /// Tenant of the event.
    pub tenant: TenantId,
    /// Time of the event.
    pub at: Timestamp,
    /// Id of the resource that the event is about. Kind and subject together identify the event.
    pub subject: String,
    /// JSON body, sent byte for byte.
    pub body: String,
}

impl Event {
    /// Returns the event of a job that has ended, or `None` when it has not. `data` contains what a client needs to
    /// fetch the rest.
    pub fn of(job: &Job, at: Timestamp) -> Option<Self> {
        let kind = EventKind::of(job.status)?;
        let body = json!({
            "type": kind.as_str(),
            "timestamp": at,
            "data": {
                "transcription_id": job.id.to_string(),
                "tenant_id": job.tenant.as_str(),
                "status": job.status.as_str(),
                "duration_seconds": job.seconds(),
                "error": job.error,
                "metadata": job.metadata,
            },
        });
        Some(Self { kind, tenant: job.tenant.clone(), at, subject: job.id.to_string(), body: body.to_string() })
    }
}

impl DeliveryId {
    /// Returns the id of the delivery of this event to this webhook (UUIDv8 of a SHA-256). It is deterministic, so that
    /// an event is enqueued for a webhook only once.
    pub fn of(event: &Event, webhook: WebhookId) -> Self {
        let digest: [u8; 32] = Sha256::digest(format!("{} {} {webhook}", event.kind, event.subject)).into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Secret that signs deliveries: `whsec_` and base64 (Standard Webhooks). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<String>);

impl WebhookSecret {
    /// Returns the secret with this text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, for the store, for signing, and for the response that shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A webhook endpoint as stores keep it. Its secrets are stored separately.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Permanent id.
    pub id: WebhookId,
    /// Tenant that owns the webhook.
    pub tenant: TenantId,
    /// URL that receives the deliveries.
    pub url: String,
    /// Description.
    pub description: Option<Description>,
    /// Event kinds that it subscribes to; empty means all.
    pub events: Vec<EventKind>,
    /// Whether deliveries are sent.
    pub enabled: bool,
    /// Time at which the webhook was disabled because too many deliveries failed. Enabling the webhook clears it.
    pub disabled_at: Option<Timestamp>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Actor that created the webhook.
    pub created_by: Option<Actor>,
    /// Time of the last successful delivery.
    pub last_success_at: Option<Timestamp>,
    /// Number of deliveries given up since then.
    pub exhausted: u32,
}

impl Webhook {
    /// Maximum number of webhooks per tenant: each of them receives every event.
    pub const MOST: u32 = 20;
    /// Number of given-up deliveries at which the webhook is disabled, if none succeeded for [`Webhook::SILENCE`].
    pub const EXHAUSTED: u32 = 10;
    /// Time without a successful delivery after which the webhook may be disabled. See [`Webhook::EXHAUSTED`].
    pub const SILENCE: std::time::Duration = std::time::Duration::from_hours(7 * 24);

    /// Returns whether the webhook is enabled and subscribes to events of this kind.
    pub fn subscribes_to(&self, kind: EventKind) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// Returns whether the webhook is to be disabled after a delivery was given up at `now`. [`Webhook::exhausted`]
    /// must already count that delivery.
    pub fn is_dead(&self, now: Timestamp) -> bool {
        let heard = self.last_success_at.unwrap_or(self.created_at);
        self.enabled && self.exhausted >= Self::EXHAUSTED && now.since(heard) >= Self::SILENCE
    }
}

/// Changes to a webhook's fields. `None` keeps a field; `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebhookPatch {
    /// New URL.
    pub url: Option<String>,
    /// New description, or none.
    pub description: Option<Option<Description>>,
    /// New event kinds.
    pub events: Option<Vec<EventKind>>,
    /// Enables or disables the webhook. Enabling clears `disabled_at` and `exhausted`.
    pub enabled: Option<bool>,
}

impl WebhookPatch {
    /// Returns the webhook with the changes applied.
    #[must_use]
    pub fn apply(&self, mut webhook: Webhook) -> Webhook {
        let Self { url, description, events, enabled } = self.clone();
        webhook.url = url.unwrap_or(webhook.url);
        webhook.description = description.unwrap_or(webhook.description);
        webhook.events = events.unwrap_or(webhook.events);
        if enabled == Some(true) {
            webhook.disabled_at = None;
            webhook.exhausted = 0;
        }
        webhook.enabled = enabled.unwrap_or(webhook.enabled);
        webhook
    }
}

/// Status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// Waiting for its first or next attempt.
    Pending,
    /// Delivered.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// Returns the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for DeliveryStatus {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(IdError)
    }
}

/// The delivery of an event to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Id: [`DeliveryId::of`] the event and the webhook.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// Kind of the event.
    pub kind: EventKind,
    /// JSON body, sent byte for byte.
    pub body: String,
    /// Time of the event.
    pub created_at: Timestamp,
    /// Status.
    pub status: DeliveryStatus,
    /// Number of attempts so far. A manual retry resets it to 0.
    pub attempts: u32,
    /// Time of the next attempt; `None` once the delivery has ended.
    pub next_at: Option<Timestamp>,
    /// Time of the last attempt.
    pub last_at: Option<Timestamp>,
    /// HTTP status of the endpoint's last response.
    pub last_status: Option<u16>,
    /// Error of the last attempt.
    pub last_error: Option<String>,
}

impl Delivery {
    /// Returns a pending delivery of the event to the webhook, due at once.
    pub fn new(event: &Event, webhook: WebhookId) -> Self {
        Self {
            id: DeliveryId::of(event, webhook),
            webhook,
            kind: event.kind,
            body: event.body.clone(),
            created_at: event.at,
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_at: Some(event.at),
            last_at: None,
            last_status: None,
            last_error: None,
        }
    }
}
