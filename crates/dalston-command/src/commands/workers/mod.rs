//! The commands on workers of streams.

pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;

use dalston_service::{ServiceError, ServiceResult};
use dalston_work::WorkerId;

/// The name that a text stands for. One that can be no name belongs to no worker.
fn worker_id(text: &str) -> ServiceResult<WorkerId> {
    text.parse().map_err(|_| ServiceError::NotFound("Worker"))
}
