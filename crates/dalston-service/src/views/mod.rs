//! What clients see: the JSON of API.md §5, the same at every door, as structs. They are read back as they were written,
//! and fields that a reader does not know are passed over. Texts stay texts: a client reads what a newer gateway writes.

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

/// What came of a command that shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// What was done, in a word.
    pub status: String,
}

impl StatusView {
    /// That this was done.
    pub fn new(status: &str) -> Self {
        Self { status: status.to_owned() }
    }
}

/// A ticket, which is the secret beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TicketView {
    /// Until when it opens its stream.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: dalston_model::Timestamp,
}
