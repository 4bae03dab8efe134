//! The use cases: keys, tenants, jobs, streams, status. Each takes a `Permit`, makes the time and the ids, asks the
//! store for one atomic step, and says what came of it.

mod audio;
mod audits;
mod claims;
mod deliveries;
mod error;
mod hand;
mod jobs;
mod keys;
mod meters;
mod nudges;
mod probe;
mod process;
mod proposals;
mod recovery;
mod report;
mod secret;
mod services;
mod status;
mod streams;
mod tenants;
mod token;
mod view;
mod voice;
mod webhooks;

pub use audio::{AudioFiles, Staged};
pub use audits::{AuditFilter, Audits, Head, Verified};
pub use claims::{Claimed, Claims};
pub use deliveries::Deliveries;
pub use error::{FieldError, ServiceError, ServiceResult};
pub use jobs::{Cancelled, Jobs, Upload};
pub use keys::{CreateKey, Ends, Keys, Minted, Repeat};
pub use meters::{Meter, Meters};
pub use nudges::{Nudge, Nudged, Nudges, Wording};
pub use process::Process;
pub use proposals::{Proposal, Proposals};
pub use report::{
    ActiveCallers, AdminReport, FeedReport, KeysReport, PoolReport, Report, Requests, StoreReport, UnfinishedJobs,
    WebhooksReport,
};
pub use secret::Secret;
pub use services::{Services, ServicesParts};
pub use status::{Settings, Status};
pub use streams::{ClientFrame, Ending, NoWorkers, Stream, StreamConfig, Streams, WorkerLink, Workers};
pub use tenants::Tenants;
pub use view::{
    audit as audit_view, delivery as delivery_view, job as job_view, key as key_view, meter as meter_view,
    quota as quota_view, tenant as tenant_view, usage as usage_view, webhook as webhook_view,
};
pub use voice::{ChatState, Messenger, Undelivered, Voice, Writer};
pub use webhooks::{CreateWebhook, Webhooks};
