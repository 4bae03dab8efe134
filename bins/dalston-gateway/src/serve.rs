//! The server: routes behind limits of time and number, work each second, and an end in good order.

use crate::{Gateway, app};
use actix_web::{HttpServer, rt, web::Data};
use dalston_runtime::Runtime;
use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{MissedTickBehavior, interval},
};

/// The head of a request arrives in time, or the connection ends (DOS-01).
const HEAD: Duration = Duration::from_secs(5);
/// An idle connection is kept for so long.
const IDLE: Duration = Duration::from_secs(15);
/// Connections of one worker at most (DOS-06).
const CONNECTIONS: usize = 10_000;
/// Requests under way have so long to finish when the gateway stops, in seconds.
const FINISH: u64 = 30;
/// Recovery runs each minute: so many ticks.
const RECOVERY: u32 = 60;

/// Serves on the listener until `stop` comes: then streams are closed with 1001, requests under way finish, counted
/// usage is written.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) -> io::Result<()> {
    let runtime = gateway.runtime.clone();
    let data = Data::from(gateway);
    let server = HttpServer::new(move || app(data.clone()))
        .client_request_timeout(HEAD)
        .keep_alive(IDLE)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(FINISH)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let (end, ended) = oneshot::channel();
    let ticking = rt::spawn(tick(runtime.clone(), ended));
    let mut serving = rt::spawn(server);
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = stop => {
            tracing::info!("stopping");
            runtime.services.streams.stop();
            handle.stop(true).await;
            serving.await
        }
    };
    // Not in the middle: a flush that is cut off would take the counts of usage with it.
    drop(end);
    let _ = ticking.await;
    runtime.stop().await;
    outcome.map_err(io::Error::other)?
}

async fn tick(runtime: Arc<Runtime>, mut ended: oneshot::Receiver<()>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_recovery = 0_u32;
    loop {
        tokio::select! {
            biased;
            _ = &mut ended => return,
            _ = seconds.tick() => {}
        }
        if until_recovery == 0 {
            runtime.recover().await;
            until_recovery = RECOVERY;
        }
        until_recovery -= 1;
        runtime.tick().await;
    }
}
