//! The use cases: keys, tenants, jobs, streams, webhooks, audit log, status.
//!
//! A use case takes a `Permit`, generates timestamps and ids, runs one atomic operation of the store, and returns its
//! outcome.

mod audits;
mod blobs;
mod claim_links;
mod delivery_runner;
mod detached;
mod dispatch;
mod error;
mod in_flight;
mod job_notifier;
mod jobs;
mod meters;
mod notifications;
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
mod webhooks;
mod whoami_cache;
mod workers;

pub use audits::{AuditFilter, Audits, ChainHead, ChainVerification};
pub use blobs::{Blobs, Bucket, BucketError, BucketParts, StagedUpload, WorkDir};
pub use claim_links::{ClaimLinks, ClaimedSecret};
pub use delivery_runner::DeliveryRunner;
pub use detached::detached;
pub use dispatch::{Dispatcher, DispatcherConfig, DispatcherReport};
pub use error::{ServiceError, ServiceResult};
pub use job_notifier::{JobSubscription, WaitSlot};
pub use jobs::{Cancelled, Jobs, SeesJobs, Upload};
pub use meters::{Meter, Meters};
pub use notifications::{ChatState, MessageComposer, NotDelivered, Notifications, Notifier};
pub use nudges::{NudgeAuthor, NudgeRequest, Nudges};
pub use openai::TranscriptShape;
pub use process::Process;
pub use proposals::{Confirmed, Proposal, Proposals};
pub use report::{
    ActiveCallers, AdminReport, CacheReport, FeedReport, KeysReport, PoolReport, Report, Requests, StoreReport,
    UnfinishedJobs, WebhooksReport, WorkerReport, WorkersReport,
};
pub use secret::{IssuedSecret, NewSecret};
pub use services::{Services, ServicesParts};
pub use shares::{Shares, TakenPlace, TenantPresence};
pub use status::{ShownSettings, StatusReporter};
pub use streams::{CloseReason, FixedWorker, RouterParts, Stream, Streams};
pub use tenants::Tenants;
pub use tickets::{TicketRequest, Tickets};
pub use transcript::{JobResult, RenderedPieces, Transcript, streamed};
pub use views::{
    AudioDay, AudioSeconds, AudioView, AuditView, CallerView, DeliveryView, JobResultView, JobView, KeyUsageView,
    KeyView, NudgeOutcome, NudgeResult, NudgeView, PartyView, QuotaView, RefusedView, ResultSummary, RotatedKeyView,
    RotatedWebhookView, SegmentView, SentView, StatusView, TenantUsageView, TenantView, TicketView, UsageDay,
    VerifiedView, WebhookView, WordView, WorkerView,
};
pub use webhooks::{CreateWebhook, RotatedWebhook, Webhooks};
pub use whoami_cache::WhoamiCache;
pub use workers::{WorkerRegistration, Workers};

/// How a rotation treats the previous secret.
pub use dalston_store::Overlap;
