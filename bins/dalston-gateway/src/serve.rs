//! The server: routes behind limits of time and number, work each second, and an end in good order.

use crate::{Gateway, app};
use actix_web::{HttpServer, rt, web::Data};
use dalston_runtime::Runtime;
use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

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
    let ticking = rt::spawn(tick(runtime.clone()));
    let mut serving = rt::spawn(server);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop => {
            tracing::info!("stopping");
            runtime.services.streams.stop();
            handle.stop(true).await;
            serving.await
        }
    };
    ticking.abort();
    runtime.stop().await;
    ended.map_err(io::Error::other)?
}

async fn tick(runtime: Arc<Runtime>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_recovery = 0_u32;
    loop {
        seconds.tick().await;
        if until_recovery == 0 {
            runtime.recover().await;
            until_recovery = RECOVERY;
        }
        until_recovery -= 1;
        runtime.tick().await;
    }
}
