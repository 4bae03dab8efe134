//! The server: runs the app with its limits and the background tasks, and shuts down in order.

use crate::{Gateway, ServerLimits, bound_address, listen};
use actix_web::{dev::ServerHandle, rt, web::Data};
use dalston_runtime::Runtime;
use std::{io, net::TcpListener, sync::Arc};
use tokio::time::{sleep, timeout};

/// Serves on the listener until a signal, then shuts down in order.
///
/// After the first signal the gateway drains: `/health/ready` returns 503 and each connection is closed after its next
/// response, while everything is served for `limits.drain`, or until the next signal. Then no more connections are
/// accepted, and clients that have just connected get `limits.settle` to send their request. After that, streams are
/// closed with 1001, requests in progress finish, jobs finish or are handed back, and usage counters are written. If
/// `limits.drain` is zero, the gateway waits for no client.
///
/// Returns an error if the server fails or a background task panics.
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
            // A second signal may never come.
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
    // The server runs in its own task, so that if it panics, everything else is still stopped in order.
    let mut serving = rt::spawn(server);
    let mut panicked = None;
    let ended = tokio::select! {
        ended = &mut serving => ended,
        // Without the change feed, the streams of revoked keys stay open; without the dispatcher, jobs wait. So the
        // process stops in order and reports an error, for its supervisor to restart it.
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

/// Stops accepting connections, begins the shutdown, and waits until the requests in progress have finished.
async fn stop_serving(runtime: &Runtime, server: &ServerHandle) {
    tracing::info!(event = "server.stopping", "stopping");
    runtime.begin_shutdown();
    server.stop(true).await;
}
