//! A session: frames both ways, until either side, the key, or the gateway ends it.

use actix_web::error::PayloadError;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, ProtocolError, Session};
use dalston_service::{ClientFrame, Ending, Stream};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::{future::Future, io::ErrorKind, time::Duration};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// A client is asked so often whether it still lives, and may be silent twice (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;
/// A client that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a session ended.
enum End {
    /// With a close code of ours.
    Closed(CloseCode, &'static str),
    /// The client is gone, or has closed, or takes nothing.
    Gone,
}

/// Carries frames both ways until either side, the key, or the gateway ends the session.
pub(crate) async fn carry(mut session: Session, mut messages: AggregatedMessageStream, mut stream: Stream) {
    let mut alive = Alive::new();
    // What the worker has no room for yet. A worker that is slow makes the client wait: no more is read meanwhile.
    let mut held: Option<ClientFrame> = None;
    let end = loop {
        let end = tokio::select! {
            biased;
            end = told(&mut stream.ending) => Some(end),
            room = stream.worker.to.reserve(), if held.is_some() => match room {
                Ok(room) => {
                    if let Some(frame) = held.take() {
                        room.send(frame);
                    }
                    None
                }
                Err(_) => Some(End::Closed(CloseCode::Error, "The worker is gone")),
            },
            message = messages.next(), if held.is_none() => match message {
                Some(Ok(message)) => {
                    alive.silent = 0;
                    hear(&mut session, &mut stream.ending, message, &mut held).await
                }
                Some(Err(error)) => Some(broken(&error)),
                None => Some(End::Gone),
            },
            said = stream.worker.from.recv() => match said {
                Some(text) => write(session.text(text), &mut stream.ending).await,
                None => Some(End::Closed(CloseCode::Normal, "Session ended")),
            },
            _ = alive.pings.tick() => {
                if alive.asks(held.is_none()) {
                    write(session.ping(b""), &mut stream.ending).await
                } else {
                    Some(End::Gone)
                }
            }
        };
        if let Some(end) = end {
            break end;
        }
    };
    if matches!(end, End::Gone) {
        // A worker that is not told would wait for more.
        let _ = stream.worker.to.try_send(ClientFrame::Control(r#"{"type":"end"}"#.to_owned()));
    }
    // It is over, whether the client takes the close or not.
    drop(stream);
    match end {
        End::Closed(code, reason) => close(session, code, reason).await,
        End::Gone => {
            let _ = timeout(PATIENCE, session.close(None)).await;
        }
    }
}

/// Whether a client still answers.
struct Alive {
    pings: Interval,
    silent: u8,
}

impl Alive {
    fn new() -> Self {
        let mut pings = interval(PING);
        // Those that were missed while a write had to wait do not count against the client.
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pings, silent: 0 }
    }

    /// Whether to ask once more. A client to which nobody listens is not silent.
    fn asks(&mut self, listening: bool) -> bool {
        self.silent += u8::from(listening);
        self.silent <= SILENT_PINGS
    }
}

/// Takes a message of the client: what is for the worker is held.
async fn hear(
    session: &mut Session,
    ending: &mut watch::Receiver<Option<Ending>>,
    message: AggregatedMessage,
    held: &mut Option<ClientFrame>,
) -> Option<End> {
    match message {
        AggregatedMessage::Binary(audio) => *held = Some(ClientFrame::Audio(audio)),
        AggregatedMessage::Text(text) if is_control(&text) => *held = Some(ClientFrame::Control(text.to_string())),
        AggregatedMessage::Text(_) => {
            let message = "A message is an object of type config, flush, clear or end";
            let error = json!({"type": "error", "code": "invalid_message", "message": message, "recoverable": true});
            return write(session.text(error.to_string()), ending).await;
        }
        AggregatedMessage::Ping(payload) => return write(session.pong(&payload), ending).await,
        AggregatedMessage::Pong(_) => {}
        AggregatedMessage::Close(_) => return Some(End::Gone),
    }
    None
}

/// Writes to the client, which may not read: neither the end of its key nor the session waits for it.
async fn write(
    writing: impl Future<Output = Result<(), Closed>>,
    ending: &mut watch::Receiver<Option<Ending>>,
) -> Option<End> {
    tokio::select! {
        biased;
        end = told(ending) => Some(end),
        written = timeout(PATIENCE, writing) => (!matches!(written, Ok(Ok(())))).then_some(End::Gone),
    }
}

/// Waits until the stream is to end.
async fn told(ending: &mut watch::Receiver<Option<Ending>>) -> End {
    let changed = ending.changed().await;
    ending.borrow_and_update().filter(|_| changed.is_ok()).map_or(End::Gone, ended)
}

/// What is wrong with a client's frames (RFC 6455 §7.4.1).
fn broken(error: &ProtocolError) -> End {
    let ProtocolError::Io(error) = error else { return End::Closed(CloseCode::Protocol, "Protocol error") };
    match error.get_ref().and_then(|cause| cause.downcast_ref::<PayloadError>()) {
        Some(PayloadError::Io(error)) if error.kind() == ErrorKind::FileTooLarge => {
            End::Closed(CloseCode::Size, "Frame too large")
        }
        Some(PayloadError::Io(error)) if error.kind() == ErrorKind::InvalidInput => {
            End::Closed(CloseCode::Protocol, "Protocol error")
        }
        Some(_) => End::Gone,
        None if error.kind() == ErrorKind::InvalidData => End::Closed(CloseCode::Invalid, "Not UTF-8"),
        None => End::Closed(CloseCode::Size, "Message too large"),
    }
}

fn ended(ending: Ending) -> End {
    match ending {
        Ending::KeyEnded => End::Closed(CloseCode::Other(4001), "Invalid API key"),
        Ending::ScopeLost => End::Closed(CloseCode::Other(4003), "Missing 'realtime' scope"),
        Ending::Stopping => End::Closed(CloseCode::Away, "The gateway stops"),
    }
}

fn is_control(text: &str) -> bool {
    let kind = serde_json::from_str::<Value>(text).map(|message| message["type"].clone()).unwrap_or_default();
    matches!(kind.as_str(), Some("config" | "flush" | "clear" | "end"))
}

/// Closes a session with a code.
pub(crate) async fn close(session: Session, code: CloseCode, reason: &'static str) {
    let reason = CloseReason { code, description: Some(reason.to_owned()) };
    let _ = timeout(PATIENCE, session.close(Some(reason))).await;
}
