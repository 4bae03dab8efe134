//! The use cases: keys, tenants, jobs, streams, status. Each takes a `Permit`, makes the time and the ids, asks the
//! store for one atomic step, and says what came of it.

mod audits;
mod blobs;
mod board;
mod claims;
mod dispatch;
mod error;
mod jobs;
mod keys;
mod nudges;
mod openai;
mod probe;
mod process;
mod proposals;
mod report;
mod services;
mod status;
mod streams;
mod tenants;
mod tickets;
mod token;
mod transcript;
mod view;
mod voice;
mod workers;

pub use audits::{AuditFilter, Audits, Head, Verified};
pub use blobs::{Blobs, Bucket, BucketParts, Desk, Staged};
pub use board::Watch;
pub use claims::Claims;
pub use dispatch::{Dispatcher, DispatcherReport, Terms};
pub use error::{FieldError, ServiceError, ServiceResult};
pub use jobs::{Cancelled, Jobs, Upload};
pub use keys::{CreateKey, Ends, Keys, Minted, Repeat};
pub use nudges::{Nudge, Nudged, Nudges, Wording};
pub use openai::Shape;
pub use process::Process;
pub use proposals::{Proposal, Proposals};
pub use report::{
    ActiveCallers, AdminReport, FeedReport, KeysReport, PoolReport, Report, Requests, StoreReport, UnfinishedJobs,
    WorkerReport, WorkersReport,
};
pub use services::{Services, ServicesParts};
pub use status::{Settings, Status};
pub use streams::{Ending, FixedWorker, RouterParts, Stream, Streams};
pub use tenants::Tenants;
pub use tickets::{TicketAsk, Tickets};
pub use transcript::{JobResult, Pieces, Transcript, streamed};
pub use view::{audit as audit_view, job as job_view, key as key_view, tenant as tenant_view, usage as usage_view};
pub use voice::{ChatState, Messenger, Undelivered, Voice, Writer};
pub use workers::{WorkerAsk, Workers};
