//! A delivery as the scripts read and write it.

use super::webhook::WebhookArgument;
use crate::audit::AuditArgument;
use dalston_model::{AuditEntry, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{AttemptOutcome, Delivery, DeliveryStatus, Webhook};
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};
use serde::Serialize;

/// A delivery as the scripts return it.
pub(crate) struct DeliveryRow {
    id: String,
    webhook: String,
    kind: String,
    body: String,
    created: i64,
    status: String,
    attempts: u32,
    next: Option<i64>,
    last: Option<i64>,
    last_status: Option<u16>,
    last_error: Option<String>,
}

/// The outcome of an attempt, as scripts write it.
#[derive(Serialize)]
pub(crate) struct AttemptArgument<'a> {
    id: String,
    webhook: String,
    tenant: &'a str,
    attempt: String,
    status: &'static str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    /// The previous record of the webhook, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(flatten)]
    webhook_after: Option<WebhookArgument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<AuditArgument>,
}

impl FromRedisValue for DeliveryRow {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, webhook, kind, body, created, status, attempts, next, last, last_status, last_error) =
            from_redis_value(value)?;
        Ok(Self { id, webhook, kind, body, created, status, attempts, next, last, last_status, last_error })
    }
}

impl DeliveryRow {
    /// Decodes the delivery. Fails as corrupt if the model does not allow it.
    pub(crate) fn delivery(self) -> StoreResult<Delivery> {
        let odd = || StoreError::corrupt(format_args!("delivery {}", self.id));
        Ok(Delivery {
            id: self.id.parse().map_err(|_| odd())?,
            webhook: self.webhook.parse().map_err(|_| odd())?,
            kind: self.kind.parse().map_err(|_| odd())?,
            body: self.body,
            created_at: Timestamp::from_micros(self.created),
            status: self.status.parse().map_err(|_| odd())?,
            attempts: self.attempts,
            next_at: self.next.map(Timestamp::from_micros),
            last_at: self.last.map(Timestamp::from_micros),
            last_status: self.last_status,
            last_error: self.last_error,
        })
    }
}

impl<'a> AttemptArgument<'a> {
    /// Encodes the outcome for `delivery`. `changed` holds the previous record and the new state of its webhook, if
    /// that changes.
    pub(crate) fn new(
        attempted: &'a AttemptOutcome,
        delivery: &Delivery,
        status: DeliveryStatus,
        changed: Option<(&'a str, &Webhook)>,
        entry: Option<&AuditEntry>,
    ) -> StoreResult<Self> {
        let micros = |at: Timestamp| at.as_micros().to_string();
        let (before, after) = changed.unzip();
        Ok(Self {
            id: attempted.delivery.to_string(),
            webhook: delivery.webhook.to_string(),
            tenant: attempted.tenant.as_str(),
            attempt: attempted.attempt.to_string(),
            status: status.as_str(),
            created: micros(delivery.created_at),
            next: attempted.next_at.filter(|_| status == DeliveryStatus::Pending).map(micros),
            last: micros(attempted.at),
            last_status: attempted.status,
            last_error: attempted.error.as_deref(),
            before,
            webhook_after: after.map(WebhookArgument::new).transpose()?,
            audit: entry.map(AuditArgument::new).transpose()?,
        })
    }
}
