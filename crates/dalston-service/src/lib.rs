//! The use cases: keys, tenants, jobs, streams, status. Each takes a `Permit`, makes the time and the ids, asks the
//! store for one atomic step, and says what came of it.

mod audits;
mod blobs;
mod job_notifier;
mod whoami_cache;
mod claim_links;
mod delivery_runner;
mod detached;
mod dispatch;
mod error;
mod in_flight;
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
mod notifications;
mod webhooks;
mod workers;

pub use audits::{AuditFilter, Audits, ChainHead, ChainVerification};
pub use blobs::{Blobs, Bucket, BucketError, BucketParts, WorkDir, StagedUpload};
pub use job_notifier::{WaitSlot, JobSubscription};
pub use whoami_cache::WhoamiCache;
pub use claim_links::{ClaimedSecret, ClaimLinks};
pub use delivery_runner::DeliveryRunner;
pub use detached::detached;
pub use dispatch::{Dispatcher, DispatcherReport, DispatcherConfig};
pub use error::{ServiceError, ServiceResult};
pub use jobs::{Cancelled, Jobs, SeesJobs, Upload};
pub use meters::{Meter, Meters};
pub use nudges::{NudgeRequest, Nudges, NudgeAuthor};
pub use openai::TranscriptShape;
pub use process::Process;
pub use proposals::{Confirmed, Proposal, Proposals};
pub use report::{
    ActiveCallers, AdminReport, CacheReport, FeedReport, KeysReport, PoolReport, Report, Requests, StoreReport,
    UnfinishedJobs, WebhooksReport, WorkerReport, WorkersReport,
};
pub use secret::{IssuedSecret, NewSecret};
pub use services::{Services, ServicesParts};
pub use shares::{TenantPresence, TakenPlace, Shares};
pub use status::{ShownSettings, StatusReporter};
pub use streams::{CloseReason, FixedWorker, RouterParts, Stream, Streams};
pub use tenants::Tenants;
pub use tickets::{TicketRequest, Tickets};
pub use transcript::{JobResult, RenderedPieces, Transcript, streamed};
pub use views::{
    AudioDay, AudioSeconds, AudioView, AuditView, CallerView, DeliveryView, JobResultView, JobView, KeyUsageView,
    KeyView, NudgeResult, NudgeView, NudgeOutcome, PartyView, QuotaView, RefusedView, ResultSummary, RotatedKeyView,
    RotatedWebhookView, SegmentView, SentView, StatusView, TenantUsageView, TenantView, TicketView, UsageDay,
    VerifiedView, WebhookView, WordView, WorkerView,
};
pub use notifications::{ChatState, Notifier, NotDelivered, Notifications, MessageComposer};
pub use webhooks::{CreateWebhook, RotatedWebhook, Webhooks};
pub use workers::{WorkerRegistration, Workers};

/// How a rotation treats the secret before it.
pub use dalston_store::Overlap;
