//! The use cases: keys, tenants, jobs, streams, status. Each takes a `Permit`, makes the time and the ids, asks the
//! store for one atomic step, and says what came of it.

mod audio;
mod error;
mod jobs;
mod keys;
mod probe;
mod process;
mod recovery;
mod services;
mod status;
mod streams;
mod tenants;
mod view;

pub use audio::{AudioFiles, Staged};
pub use error::{FieldError, ServiceError, ServiceResult};
pub use jobs::{Cancelled, Jobs, Upload};
pub use keys::{CreateKey, Ends, Keys, Minted, Repeat};
pub use process::Process;
pub use services::{Services, ServicesParts};
pub use status::{Settings, Status};
pub use streams::{ClientFrame, Ending, NoWorkers, Stream, StreamConfig, Streams, WorkerLink, Workers};
pub use tenants::Tenants;
pub use view::{job as job_view, key as key_view, tenant as tenant_view, usage as usage_view};
