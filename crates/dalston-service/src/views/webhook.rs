use dalston_model::Timestamp;
use dalston_work::Webhook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A webhook without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookView {
    /// The webhook's permanent id.
    pub id: String,
    /// The tenant that the webhook belongs to.
    pub tenant_id: String,
    /// The URL that deliveries are sent to.
    pub url: String,
    /// A description for people.
    pub description: Option<String>,
    /// The subscribed events; an empty list subscribes to all.
    pub events: Vec<String>,
    /// Whether the webhook is enabled.
    pub enabled: bool,
    /// When the webhook was disabled automatically because too many deliveries failed.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub disabled_at: Option<Timestamp>,
    /// When the webhook was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// Who created the webhook.
    pub created_by: Option<String>,
    /// When a delivery last succeeded.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_success_at: Option<Timestamp>,
    /// Deliveries abandoned since the last success.
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

/// A webhook after a rotation. Its new secret is beside it in the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotatedWebhookView {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// Until when deliveries are signed with the previous secret too.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub previous_expires_at: Timestamp,
}
