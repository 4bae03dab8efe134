//! Commands on stream workers.

pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;

use dalston_service::{ServiceError, ServiceResult};
use dalston_work::WorkerId;

/// Parses a worker name. A text that is not a valid name is reported as not found, like an unknown worker.
fn worker_id(text: &str) -> ServiceResult<WorkerId> {
    text.parse().map_err(|_| ServiceError::NotFound("Worker"))
}
