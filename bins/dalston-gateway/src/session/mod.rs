//! A session: frames pass both ways until the client, the worker, the key or the gateway ends it. [`state`] decides the
//! next action; the loop here performs it.

mod state;
mod wire_protocol;

pub(crate) use wire_protocol::{ClientAction, ClientMessage, OutboundQueue, SessionFault, WireProtocol};

use crate::{
    keepalive::{Keepalive, KeepaliveDue},
    messages::{SocketMessage, SocketMessages},
    outbox::{ClientGone, OutboundFrame, SocketOutbox},
};
use actix_http::ws::CloseCode;
use actix_web::web::Payload;
use dalston_model::SharedClock;
use dalston_service::{CloseReason, Stream};
use dalston_stream::{ClientFrame, WorkerEventKind};
use state::{ClosingSession, Interest, SessionAction, SessionEnd, SessionEvent, SessionState, WorkerInput};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Maximum time for a client to accept a frame, and for a closing session to discard the worker's last events.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sockets and timers of a session.
struct SessionTask {
    outbox: SocketOutbox,
    messages: SocketMessages<Payload>,
    stream: Stream,
    alive: Keepalive,
}

/// Runs a session to its end. `idle` is the maximum time without a message of the client.
pub(crate) async fn run(
    outbox: SocketOutbox,
    messages: SocketMessages<Payload>,
    stream: Stream,
    protocol: impl WireProtocol,
    idle: Duration,
    clock: SharedClock,
) {
    let mut state = SessionState::new(protocol, stream.id, &stream.config);
    let mut task = SessionTask { outbox, messages, stream, alive: Keepalive::new(idle) };
    let mut event = SessionEvent::Done;
    loop {
        event = match state.on(event, clock.monotonic()) {
            SessionAction::Wait(interest) => task.wait(interest).await,
            SessionAction::Send(frame) => task.send(frame).await,
            // This is the only sender, and the channel had room.
            SessionAction::Pass(frame) => match task.stream.worker.to.try_send(frame) {
                Ok(()) => SessionEvent::Done,
                Err(_) => SessionEvent::WorkerClosed,
            },
            SessionAction::ReserveAudio(bytes) => SessionEvent::AudioReserved(task.stream.afford(bytes).await),
            SessionAction::ReplaceWorker(config) => SessionEvent::WorkerReplaced(task.stream.replace(&config).await),
            SessionAction::Close => break,
        };
    }
    task.close(state.into_closing()).await;
}

impl SessionTask {
    async fn wait(&mut self, Interest { client, worker_room, limit }: Interest) -> SessionEvent {
        let Self { messages, stream, alive, .. } = self;
        tokio::select! {
            biased;
            stopped = stop_signal(&mut stream.ending) => stopped,
            room = stream.worker.to.reserve(), if worker_room => match room {
                Ok(_) => SessionEvent::WorkerReady,
                Err(_) => SessionEvent::WorkerClosed,
            },
            // Before the client: a worker event may make room at the worker, and sending it reveals a client that does
            // not read.
            event = stream.worker.from.recv() => event.map_or(SessionEvent::WorkerGone, SessionEvent::Worker),
            message = messages.next(), if client => match message {
                Some(Ok(message)) => {
                    alive.heard(matches!(message, SocketMessage::Text(_) | SocketMessage::Binary(_)));
                    SessionEvent::Client(message)
                }
                Some(Err(broken)) => SessionEvent::ClientBroken(broken),
                None => SessionEvent::Gone,
            },
            () = sleep(limit.unwrap_or_default()), if limit.is_some() => SessionEvent::DeadlineReached,
            due = alive.due(client) => match due {
                KeepaliveDue::Idle => SessionEvent::ClientIdle,
                KeepaliveDue::Ping if alive.asks(client) => SessionEvent::KeepaliveDue,
                KeepaliveDue::Ping => SessionEvent::Gone,
            },
        }
    }

    /// Writes a frame to the client. A stop signal does not wait for a client that does not read.
    async fn send(&mut self, frame: OutboundFrame) -> SessionEvent {
        self.outbox.push(frame);
        tokio::select! {
            biased;
            stopped = stop_signal(&mut self.stream.ending) => stopped,
            written = timeout(PATIENCE, self.outbox.flush()) => match written {
                Ok(Ok(())) => SessionEvent::Done,
                _ => SessionEvent::Gone,
            },
        }
    }

    /// Closes the connection, whether or not the client accepts the close frame. Meanwhile the last events of the
    /// worker are discarded; then its slot is released.
    async fn close(self, closing: ClosingSession) {
        let Self { mut outbox, mut stream, .. } = self;
        let ClosingSession { end, mut outbound, worker, pending } = closing;
        stream.leave();
        let closing_client = async move {
            let SessionEnd::Closed(code, reason) = end else {
                let _ = timeout(PATIENCE, outbox.close(None)).await;
                return;
            };
            let flushing = async {
                while let Some(text) = outbound.pop_front() {
                    outbox.send(OutboundFrame::Text(text)).await?;
                }
                Ok::<_, ClientGone>(())
            };
            // A client that does not read these texts may still read the close frame.
            let _ = timeout(PATIENCE, flushing).await;
            close(outbox, code, &reason).await;
        };
        let finishing_worker = async move {
            if worker == WorkerInput::Open {
                let _ = timeout(PATIENCE, drain_worker(&mut stream, pending)).await;
            }
            stream.finish().await;
        };
        tokio::join!(closing_client, finishing_worker);
    }
}

/// Asks the worker to end, and discards its events up to the last one.
async fn drain_worker(stream: &mut Stream, pending: Option<ClientFrame>) {
    let worker = &mut stream.worker;
    let asking = async {
        // A second request to end has no effect.
        for frame in pending.into_iter().chain([ClientFrame::end()]) {
            if worker.to.send(frame).await.is_err() {
                return;
            }
        }
    };
    let discarding = async { while worker.from.recv().await.is_some_and(|it| it.kind != WorkerEventKind::End) {} };
    tokio::join!(asking, discarding);
}

/// Waits until the service ends the session, or drops its record of the session.
async fn stop_signal(ending: &mut watch::Receiver<Option<CloseReason>>) -> SessionEvent {
    let changed = ending.changed().await;
    ending.borrow_and_update().filter(|_| changed.is_ok()).map_or(SessionEvent::Gone, SessionEvent::StopSignal)
}

/// Closes a connection with a code and a reason.
pub(crate) async fn close(outbox: SocketOutbox, code: CloseCode, reason: &str) {
    let _ = timeout(PATIENCE, outbox.close(Some((code, reason)))).await;
}
