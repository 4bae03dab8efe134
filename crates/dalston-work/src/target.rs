//! Targets of audit records of the transcription service.

use crate::{DeliveryId, JobId, WebhookId, WorkerId};
use dalston_model::Target;

/// A resource of the transcription service. Converts to the [`Target`] of an audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkTarget {
    /// A job.
    Job(JobId),
    /// A webhook.
    Webhook(WebhookId),
    /// A delivery of a webhook.
    Delivery(DeliveryId),
    /// A worker.
    Worker(WorkerId),
}

impl From<WorkTarget> for Target {
    fn from(target: WorkTarget) -> Self {
        match target {
            WorkTarget::Job(id) => Self::new("job", id),
            WorkTarget::Webhook(id) => Self::new("webhook", id),
            WorkTarget::Delivery(id) => Self::new("delivery", id),
            WorkTarget::Worker(id) => Self::new("worker", id),
        }
    }
}
