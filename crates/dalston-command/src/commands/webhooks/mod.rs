//! Commands on webhooks.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;
pub(crate) mod rotate;
pub(crate) mod update;

use dalston_service::{ServiceError, ServiceResult};
use dalston_work::{EventKind, WebhookId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// JSON Schema of a list of event kinds.
pub(crate) struct EventsSchema;

impl JsonSchema for EventsSchema {
    fn schema_name() -> Cow<'static, str> {
        "Events".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        json_schema!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
    }
}

/// Parses event names. Returns the event kinds sorted and without duplicates.
pub(crate) fn events(names: &[String]) -> ServiceResult<Vec<EventKind>> {
    let parsed: Result<Vec<EventKind>, _> = names.iter().map(|name| name.parse()).collect();
    let mut events = parsed.map_err(|_| {
        let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let known = known.join(", ");
        ServiceError::invalid("events", format!("must be one or more of {known}; an empty list means all"))
    })?;
    events.sort();
    events.dedup();
    Ok(events)
}

/// Parses a webhook id. A text that is not an id is reported as not found, like an unknown webhook.
pub(crate) fn webhook_id(text: &str) -> ServiceResult<WebhookId> {
    text.parse().map_err(|_| ServiceError::NotFound("Webhook"))
}
