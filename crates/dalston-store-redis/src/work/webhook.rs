//! A webhook as the scripts read and write it.

use crate::{argument::argument, audit::AuditArgument};
use dalston_model::{Actor, AuditEntry, Description, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{EventKind, Webhook, WebhookSecret};
use serde::{Deserialize, Serialize};

/// The JSON of a webhook.
#[derive(Serialize, Deserialize)]
struct WebhookRecord {
    id: String,
    tenant: String,
    url: String,
    description: Option<String>,
    events: Vec<String>,
    enabled: bool,
    disabled_at: Option<i64>,
    created_at: i64,
    created_by: Option<String>,
    last_success_at: Option<i64>,
    exhausted: u32,
}

/// The parts of a webhook that change: its record, and the fields that scripts read themselves.
#[derive(Serialize)]
pub(crate) struct WebhookArgument {
    pub(crate) record: String,
    enabled: &'static str,
    events: String,
}

/// A webhook as scripts insert it.
#[derive(Serialize)]
pub(crate) struct InsertArgument<'a> {
    id: String,
    tenant: String,
    created: String,
    #[serde(flatten)]
    webhook: WebhookArgument,
    secret: &'a str,
    most: u32,
    audit: AuditArgument,
}

/// A webhook as scripts change it.
#[derive(Serialize)]
pub(crate) struct ChangeArgument<'a> {
    id: String,
    tenant: String,
    before: &'a str,
    #[serde(flatten)]
    webhook: WebhookArgument,
    audit: AuditArgument,
}

impl WebhookArgument {
    /// Encodes the webhook.
    pub(crate) fn new(webhook: &Webhook) -> StoreResult<Self> {
        let micros = Timestamp::as_micros;
        let events: Vec<_> = webhook.events.iter().map(|kind| kind.as_str().to_owned()).collect();
        let words = events.join(" ");
        let record = WebhookRecord {
            id: webhook.id.to_string(),
            tenant: webhook.tenant.to_string(),
            url: webhook.url.clone(),
            description: webhook.description.as_ref().map(ToString::to_string),
            events,
            enabled: webhook.enabled,
            disabled_at: webhook.disabled_at.map(micros),
            created_at: micros(webhook.created_at),
            created_by: webhook.created_by.map(|actor| actor.to_string()),
            last_success_at: webhook.last_success_at.map(micros),
            exhausted: webhook.exhausted,
        };
        let enabled = if webhook.enabled { "1" } else { "0" };
        Ok(Self { record: argument(&record)?, enabled, events: words })
    }
}

impl<'a> InsertArgument<'a> {
    /// Encodes the webhook with its secret.
    pub(crate) fn new(webhook: &Webhook, secret: &'a WebhookSecret, entry: &AuditEntry) -> StoreResult<Self> {
        Ok(Self {
            id: webhook.id.to_string(),
            tenant: webhook.tenant.to_string(),
            created: webhook.created_at.as_micros().to_string(),
            webhook: WebhookArgument::new(webhook)?,
            secret: secret.expose(),
            most: Webhook::MOST,
            audit: AuditArgument::new(entry)?,
        })
    }
}

impl<'a> ChangeArgument<'a> {
    /// Encodes the webhook. The script writes it only if its record is still `before`.
    pub(crate) fn new(webhook: &Webhook, before: &'a str, entry: &AuditEntry) -> StoreResult<Self> {
        Ok(Self {
            id: webhook.id.to_string(),
            tenant: webhook.tenant.to_string(),
            before,
            webhook: WebhookArgument::new(webhook)?,
            audit: AuditArgument::new(entry)?,
        })
    }
}

/// Decodes a record. Fails as corrupt if the model does not allow it.
pub(crate) fn webhook(json: &str) -> StoreResult<Webhook> {
    let odd = || StoreError::corrupt("a webhook");
    let record: WebhookRecord = serde_json::from_str(json).map_err(|_| odd())?;
    let events = record.events.iter().map(|kind| kind.parse::<EventKind>());
    Ok(Webhook {
        id: record.id.parse().map_err(|_| odd())?,
        tenant: record.tenant.parse().map_err(|_| odd())?,
        url: record.url,
        description: record.description.map(|text| text.parse::<Description>()).transpose().map_err(|_| odd())?,
        events: events.collect::<Result<_, _>>().map_err(|_| odd())?,
        enabled: record.enabled,
        disabled_at: record.disabled_at.map(Timestamp::from_micros),
        created_at: Timestamp::from_micros(record.created_at),
        created_by: record.created_by.map(|actor| actor.parse::<Actor>()).transpose().map_err(|_| odd())?,
        last_success_at: record.last_success_at.map(Timestamp::from_micros),
        exhausted: record.exhausted,
    })
}
