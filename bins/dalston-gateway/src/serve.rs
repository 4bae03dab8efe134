//! The server: routes behind limits of time and number, background tasks, and an end in good order.

use crate::{Gateway, ServerLimits, bound_address, listen};
use actix_web::{dev::ServerHandle, rt, web::Data};
use dalston_runtime::Runtime;
use std::{io, net::TcpListener, sync::Arc};
use tokio::time::{sleep, timeout};

/// Serves on the listener until the first signal. From then on `/health/ready` is 503 and connections end with their next
/// answer, while all is served for `limits.drain`, or until the next signal. Then no more connections are made, those that
/// have just been made get `limits.settle` for their request, streams are closed with 1001, requests under way finish, jobs
/// end or are handed back, counted usage is written. Without a time to drain nobody is waited for.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    limits: &ServerLimits,
    mut signal: impl AsyncFnMut(),
) -> io::Result<()> {
    let runtime = gateway.runtime.clone();
    let open = listener.try_clone()?;
    let stop = {
        let gateway = gateway.clone();
        async move {
            signal().await;
            tracing::info!(event = "server.draining", seconds = limits.drain.as_secs(), "draining");
            gateway.drain();
            // It may be that nobody signals again.
            let _ = timeout(limits.drain, signal()).await;
            if !limits.drain.is_zero() {
                bound_address::close(&open);
                drop(open);
                sleep(limits.settle).await;
            }
        }
    };
    let server = listen(listener, &Data::from(gateway), limits)?;
    let handle = server.handle();
    let tasks = runtime.spawn_background_tasks().map_err(io::Error::other)?;
    // A task of its own: should it panic, all else is stopped in order.
    let mut serving = rt::spawn(server);
    let mut panicked = None;
    let ended = tokio::select! {
        ended = &mut serving => ended,
        // Without the change feed the streams of revoked keys stay open, without the dispatcher jobs wait: the process
        // stops in order and reports an error, so that its supervisor restarts it.
        task = tasks.panicked() => {
            panicked = Some(task);
            stop_serving(&runtime, &handle).await;
            serving.await
        }
        () = stop => {
            stop_serving(&runtime, &handle).await;
            serving.await
        }
    };
    runtime.begin_shutdown();
    tasks.stop().await;
    runtime.stop().await;
    if let Some(task) = panicked {
        return Err(io::Error::other(format!("the background task '{task}' panicked")));
    }
    ended.map_err(io::Error::other)?
}

/// Closes the listener and waits until the requests under way have finished.
async fn stop_serving(runtime: &Runtime, server: &ServerHandle) {
    tracing::info!(event = "server.stopping", "stopping");
    runtime.begin_shutdown();
    server.stop(true).await;
}
