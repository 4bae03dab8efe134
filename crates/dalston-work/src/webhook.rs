//! Webhooks: endpoints of a tenant, the events that they hear, and each delivery.

use crate::{DeliveryId, Job, JobStatus, WebhookId};
use dalston_model::{Actor, Description, IdError, TenantId, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// Declares the kinds of events, and the list of them.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name),+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

event_kinds! {
    /// A job is done.
    Completed = "transcription.completed",
    /// A job ended with an error.
    Failed = "transcription.failed",
    /// A job was ended by a caller.
    Cancelled = "transcription.cancelled",
}

impl EventKind {
    /// The kind for a job that ended so; `None` when it has not ended.
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

/// An event of a tenant, for the outbox of every webhook that listens to its kind. The end of a job puts its event
/// there in its own transaction; any other event is given to
/// [`WebhookStore::publish_event`](crate::WebhookStore::publish_event) by whoever makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Whose it is.
    pub tenant: TenantId,
    /// When.
    pub at: Timestamp,
    /// What it happened to: with the kind it makes the event unique.
    pub subject: String,
    /// The JSON that is sent, to the byte.
    pub body: String,
}

impl Event {
    /// The event of a job that has ended; `None` when it has not. `data` has what a client needs to fetch the rest.
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
    /// The delivery of this event to this webhook: the same each time, so that an event is delivered once (UUIDv8 of a
    /// SHA-256).
    pub fn of(event: &Event, webhook: WebhookId) -> Self {
        let digest: [u8; 32] = Sha256::digest(format!("{} {} {webhook}", event.kind, event.subject)).into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// The secret that signs deliveries: `whsec_` and base64 (Standard Webhooks). `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<String>);

impl WebhookSecret {
    /// The secret of this text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text: for the store, for who signs, and for the answer that shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// An endpoint, as stores keep it. Its secrets live beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its id, for life.
    pub id: WebhookId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Where deliveries go.
    pub url: String,
    /// What it is for.
    pub description: Option<Description>,
    /// What it hears; none named: everything.
    pub events: Vec<EventKind>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Since when it is off because too many deliveries failed. Switching it on clears it.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// The last delivery that arrived.
    pub last_success_at: Option<Timestamp>,
    /// Deliveries given up since then.
    pub exhausted: u32,
}

impl Webhook {
    /// A tenant has at most so many: an event goes to each of them.
    pub const MOST: u32 = 20;
    /// It is switched off when so many deliveries were given up, and none arrived for [`Webhook::SILENCE`].
    pub const EXHAUSTED: u32 = 10;
    /// See [`Webhook::EXHAUSTED`].
    pub const SILENCE: std::time::Duration = std::time::Duration::from_hours(7 * 24);

    /// Whether it hears events of this kind.
    pub fn subscribes_to(&self, kind: EventKind) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// Whether it is to be switched off after another delivery was given up at `now`; [`Webhook::exhausted`] counts it.
    pub fn is_dead(&self, now: Timestamp) -> bool {
        let heard = self.last_success_at.unwrap_or(self.created_at);
        self.enabled && self.exhausted >= Self::EXHAUSTED && now.since(heard) >= Self::SILENCE
    }
}

/// Which fields of a webhook to change, and to what. `None` leaves a field; `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebhookPatch {
    /// Another place.
    pub url: Option<String>,
    /// Another description, or none.
    pub description: Option<Option<Description>>,
    /// Other events.
    pub events: Option<Vec<EventKind>>,
    /// On or off. On clears `disabled_at` and `exhausted`.
    pub enabled: Option<bool>,
}

impl WebhookPatch {
    /// The webhook with the changes made.
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

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It will be tried, for the first time or again.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name on the wire.
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

/// An event on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: [`DeliveryId::of`] its event and its webhook.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// What happened.
    pub kind: EventKind,
    /// The JSON that is sent, to the byte.
    pub body: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// Where it is.
    pub status: DeliveryStatus,
    /// Attempts so far. A manual retry begins again at 0.
    pub attempts: u32,
    /// When it is tried next; `None` once it has ended.
    pub next_at: Option<Timestamp>,
    /// When it was tried last.
    pub last_at: Option<Timestamp>,
    /// What the endpoint answered last.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl Delivery {
    /// The delivery of an event to a webhook, due at once.
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
