//! The use cases: keys, tenants, jobs, streams, status. Each takes a `Permit`, makes the time and the ids, asks the
//! store for one atomic step, and says what came of it.

mod audits;
mod blobs;
mod board;
mod cards;
mod claims;
mod deliveries;
mod detached;
mod dispatch;
mod error;
mod hand;
mod jobs;
mod meters;
mod nudges;
mod openai;
mod process;
mod proposals;
mod report;
mod revocation;
mod secret;
mod services;
mod shares;
mod status;
mod streams;
mod tenants;
mod tickets;
mod token;
mod transcript;
mod views;
mod voice;
mod webhooks;
mod workers;

pub use audits::{AuditFilter, Audits, Head, Verified};
pub use blobs::{Blobs, Bucket, BucketError, BucketParts, Desk, Staged};
pub use board::{Seat, Watch};
pub use cards::OwnKeys;
pub use claims::{Claimed, Claims};
pub use deliveries::Deliveries;
pub use detached::detached;
pub use dispatch::{Dispatcher, DispatcherReport, Terms};
pub use error::{ServiceError, ServiceResult};
pub use jobs::{Cancelled, Jobs, SeesJobs, Upload};
pub use meters::{Meter, Meters};
pub use nudges::{Nudge, Nudges, Wording};
pub use openai::Shape;
pub use process::Process;
pub use proposals::{Confirmed, Proposal, Proposals};
pub use report::{
    ActiveCallers, AdminReport, CacheReport, FeedReport, KeysReport, PoolReport, Report, Requests, StoreReport,
    UnfinishedJobs, WebhooksReport, WorkerReport, WorkersReport,
};
pub use secret::{IssuedSecret, Secret};
pub use services::{Services, ServicesParts};
pub use shares::{Crowd, Place, Shares};
pub use status::{ShownSettings, Status};
pub use streams::{Ending, FixedWorker, RouterParts, Stream, Streams};
pub use tenants::Tenants;
pub use tickets::{TicketAsk, Tickets};
pub use transcript::{JobResult, Pieces, Transcript, streamed};
pub use views::{
    AudioDay, AudioSeconds, AudioView, AuditView, CallerView, DeliveryView, JobResultView, JobView, KeyUsageView,
    KeyView, NudgeResult, NudgeView, Nudged, PartyView, QuotaView, RefusedView, ResultSummary, RotatedKeyView,
    RotatedWebhookView, SegmentView, SentView, StatusView, TenantUsageView, TenantView, TicketView, UsageDay,
    VerifiedView, WebhookView, WordView, WorkerView,
};
pub use voice::{ChatState, Messenger, Undelivered, Voice, Writer};
pub use webhooks::{CreateWebhook, RotatedWebhook, Webhooks};
pub use workers::{WorkerAsk, Workers};

/// How a rotation treats the secret before it.
pub use dalston_store::Overlap;
