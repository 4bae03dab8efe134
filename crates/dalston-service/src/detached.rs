//! Detached work: runs to completion even when its caller is dropped.

use crate::{ServiceError, ServiceResult};
use std::future::Future;

/// Runs `work` in its own task and returns its result.
///
/// The server drops the handler of a client that disconnects. Detached work continues, so that an effect and its record
/// change together or not at all.
///
/// # Errors
///
/// The error of the work, or [`ServiceError::Internal`] when it panicked or the runtime stopped.
pub async fn detached<T, W>(work: W) -> ServiceResult<T>
where
    T: Send + 'static,
    W: Future<Output = ServiceResult<T>> + Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(event = "detached.panicked", %error, "detached work panicked");
        Err(ServiceError::Internal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn its_result_is_that_of_the_work() {
        assert_eq!(detached(async { Ok(7) }).await, Ok(7));
        assert_eq!(detached(async { Err::<(), _>(ServiceError::TooLarge) }).await, Err(ServiceError::TooLarge));
    }

    #[tokio::test]
    async fn it_continues_when_nobody_waits_for_it() {
        let (begun, has_begun) = oneshot::channel();
        let (go, may_go) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = detached(async move {
            begun.send(()).unwrap();
            may_go.await.unwrap();
            done.send(()).unwrap();
            Ok(())
        });
        tokio::select! {
            biased;
            _ = work => panic!("it was not to end yet"),
            begun = has_begun => begun.unwrap(),
        }
        go.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let work = detached(async { if true { panic!("of the test") } else { Ok(()) } });
        assert_eq!(work.await, Err(ServiceError::Internal));
    }
}
