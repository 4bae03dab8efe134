//! Commands on jobs.

pub(crate) mod cancel;
pub(crate) mod get;
pub(crate) mod list;

use dalston_service::{ServiceError, ServiceResult};
use dalston_work::JobId;

/// Parses a job id. A text that is not an id is reported as not found, like an unknown job.
pub(crate) fn job_id(text: &str) -> ServiceResult<JobId> {
    text.parse().map_err(|_| ServiceError::NotFound("Job"))
}
