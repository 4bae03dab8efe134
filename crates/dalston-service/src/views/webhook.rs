use dalston_model::Timestamp;
use dalston_work::Webhook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A webhook without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookView {
    /// Its id, for life.
    pub id: String,
    /// The tenant that it belongs to.
    pub tenant_id: String,
    /// Where deliveries go.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// The events that it gets; none named: all of them.
    pub events: Vec<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Since when it is off because too many deliveries failed.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// When a delivery last arrived.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_success_at: Option<Timestamp>,
    /// Deliveries that were given up since then.
    pub failed_deliveries: u32,
}

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            tenant_id: webhook.tenant.to_string(),
            url: webhook.url.clone(),
            description: webhook.description.as_ref().map(ToString::to_string),
            events: webhook.events.iter().map(|event| event.as_str().to_owned()).collect(),
            enabled: webhook.enabled,
            disabled_at: webhook.disabled_at,
            created_at: webhook.created_at,
            created_by: webhook.created_by.map(|actor| actor.to_string()),
            last_success_at: webhook.last_success_at,
            failed_deliveries: webhook.exhausted,
        }
    }
}

/// A webhook with a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotatedWebhookView {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// Until when deliveries are signed with the old secret too.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub previous_expires_at: Timestamp,
}
