//! Work that is done to its end, also when the client has gone: the server drops the handler of a client that goes.

use crate::fault::problem;
use actix_web::rt;
use dalston_actix::Problem;
use dalston_service::{ServiceError, ServiceResult};
use std::future::Future;

/// Does the work in a task of its own: an effect and the record of it are not parted.
pub(crate) async fn errand<T: 'static>(work: impl Future<Output = ServiceResult<T>> + 'static) -> Result<T, Problem> {
    let done = rt::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "what was begun for a client did not end");
        Err(ServiceError::Internal)
    });
    done.map_err(problem)
}
