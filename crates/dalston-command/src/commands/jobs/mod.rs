//! The commands on jobs.

pub(crate) mod cancel;
pub(crate) mod get;
pub(crate) mod list;

use dalston_service::{ServiceError, ServiceResult};
use dalston_work::JobId;

/// The id that a text stands for. One that is no id belongs to no job.
pub(crate) fn job_id(text: &str) -> ServiceResult<JobId> {
    text.parse().map_err(|_| ServiceError::NotFound("Job"))
}
