//! The server: routes behind limits of time and number, work each second, and an end in good order.

use crate::{Gateway, Limits, bound_address, listen};
use actix_web::{rt, web::Data};
use dalston_runtime::Runtime;
use std::{io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Recovery runs at the start, and so often.
const RECOVERY: Duration = Duration::from_mins(1);

/// Serves on the listener until the first signal. From then on `/health/ready` is 503 and connections end with their next
/// answer, while all is served for `limits.drain`, or until the next signal. Then no more connections are made, those that
/// have just been made get `limits.settle` for their request, streams are closed with 1001, requests under way finish, jobs
/// end or are handed back, counted usage is written. Without a time to drain nobody is waited for.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    limits: &Limits,
    mut signal: impl AsyncFnMut(),
) -> io::Result<()> {
    let runtime = gateway.runtime.clone();
    let open = listener.try_clone()?;
    let stop = {
        let gateway = gateway.clone();
        async move {
            signal().await;
            tracing::info!(seconds = limits.drain.as_secs(), "draining");
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
    let (end, ending) = watch::channel(());
    let attending = rt::spawn(attend(runtime.clone(), ending.clone()));
    let recovering = rt::spawn(recover(runtime.clone(), ending.clone()));
    let delivering = rt::spawn(runtime.deliver(ending.clone()).map_err(io::Error::other)?);
    let hearing = rt::spawn(hear(runtime.clone(), ending));
    let dispatching = rt::spawn(runtime.services.dispatcher.clone().run());
    let mut serving = rt::spawn(server);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop => {
            tracing::info!("stopping");
            runtime.wind_down();
            handle.stop(true).await;
            serving.await
        }
    };
    runtime.wind_down();
    drop(end);
    // A tick under way has usage in its hands: what it has taken is written before the last of it is.
    let _ = tokio::join!(attending, recovering, delivering, hearing, dispatching);
    runtime.stop().await;
    ended.map_err(io::Error::other)?
}

async fn attend(runtime: Arc<Runtime>, ending: watch::Receiver<()>) {
    runtime.attend(ending).await;
}

/// The bot, if there is one, hears updates. What it is answering then is finished.
async fn hear(runtime: Arc<Runtime>, ending: watch::Receiver<()>) {
    if let Some(bot) = &runtime.bot {
        bot.run(ending).await;
    }
}

/// Beside the ticks: a folder of many files would hold them up. A recovery that is cut off is finished by the next.
async fn recover(runtime: Arc<Runtime>, mut ending: watch::Receiver<()>) {
    let mut minutes = interval(RECOVERY);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = async {
        loop {
            minutes.tick().await;
            runtime.recover().await;
        }
    };
    tokio::select! {
        _ = ending.changed() => {}
        () = work => {}
    }
}
