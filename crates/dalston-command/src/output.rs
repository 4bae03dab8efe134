//! Command outputs: structs that define the JSON of every door, its schema and the client types.

use dalston_service::{
    AuditView, CallerView, DeliveryView, JobView, KeyUsageView, KeyView, NudgeView, QuotaView, Report, RotatedKeyView,
    RotatedWebhookView, StatusView, TenantUsageView, TenantView, TicketView, VerifiedView, WebhookView, WorkerView,
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// The output of a command: written as JSON by the gateway, read back by clients, and described by its schema.
pub trait CommandOutput: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Returns the id of the resource in the output, if it has one.
    fn id(&self) -> Option<&str> {
        None
    }

    /// Returns the ids of the listed resources; an empty string for one without an id.
    fn ids(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl<T: CommandOutput> CommandOutput for Vec<T> {
    fn ids(&self) -> Vec<&str> {
        self.iter().map(|item| item.id().unwrap_or_default()).collect()
    }
}

/// Implements [`CommandOutput`] for outputs that have an id.
macro_rules! with_id {
    ($($output:ty => $($field:ident).+),+ $(,)?) => {
        $(impl CommandOutput for $output {
            fn id(&self) -> Option<&str> {
                Some(&self.$($field).+)
            }
        })+
    };
}

with_id! {
    KeyView => id,
    RotatedKeyView => key.id,
    KeyUsageView => id,
    TenantView => id,
    JobView => id,
    WorkerView => id,
    WebhookView => id,
    RotatedWebhookView => webhook.id,
    DeliveryView => id,
}

impl CommandOutput for CallerView {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl CommandOutput for StatusView {}
impl CommandOutput for TicketView {}
impl CommandOutput for NudgeView {}
impl CommandOutput for AuditView {}
impl CommandOutput for VerifiedView {}
impl CommandOutput for QuotaView {}
impl CommandOutput for TenantUsageView {}
impl CommandOutput for Report {}
