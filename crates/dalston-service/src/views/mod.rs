//! The JSON that clients see (API.md §5), as structs; the same on all interfaces.
//!
//! Readers ignore unknown fields. Enumerated values stay strings, so a client can read what a newer gateway writes.

mod audit;
mod caller;
mod delivery;
mod job;
mod job_result;
mod key;
mod nudge;
mod quota;
mod tenant;
mod usage;
mod webhook;
mod worker;

pub use audit::{AuditView, PartyView, VerifiedView};
pub use caller::CallerView;
pub use delivery::DeliveryView;
pub use job::{AudioView, JobView};
pub use job_result::{JobResultView, ResultSummary, SegmentView, WordView};
pub(crate) use job_result::{fence, stored, summary};
pub use key::{KeyView, RotatedKeyView};
pub use nudge::{NudgeOutcome, NudgeResult, NudgeView, SentView};
pub use quota::QuotaView;
pub use tenant::TenantView;
pub use usage::{AudioDay, AudioSeconds, KeyUsageView, RefusedView, TenantUsageView, UsageDay};
pub use webhook::{RotatedWebhookView, WebhookView};
pub use worker::WorkerView;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of a command that returns no object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// What was done, in one word.
    pub status: String,
}

impl StatusView {
    /// Creates a view with this status.
    pub fn new(status: &str) -> Self {
        Self { status: status.to_owned() }
    }
}

/// A ticket. Its secret is beside it in the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketView {
    /// Until when the ticket can open its stream.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: dalston_model::Timestamp,
}
