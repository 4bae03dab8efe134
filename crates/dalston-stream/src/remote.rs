//! The connection to a worker that is a WebSocket server.

use crate::{ClientFrame, StreamConfig, WorkerEnd, WorkerEvent, WorkerEventKind, WorkerLink};
use bytes::Bytes;
use bytestring::ByteString;
use dalston_work::SessionId;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};
use thiserror::Error;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// Time limit for the handshake. After it, the router tries another worker.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Time limit for a write. After it, the worker is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval of pings. The worker may leave [`SILENT_PINGS`] of them unanswered.
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;
/// Maximum size of a worker's message in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// Size of the read buffer. It is small because messages are short and there are many sockets.
const READ_BYTES: usize = 4 * 1024;
/// Maximum size of unsent data: a frame of the client and some pongs.
const WRITE_BYTES: usize = 2 * MESSAGE_BYTES;

/// Why there is no connection to a worker.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The worker did not answer in time.
    #[error("the worker did not answer in time")]
    Late,
    /// The worker is unreachable, or it refused the connection.
    #[error("the worker cannot be reached: {0}")]
    Refused(Box<tungstenite::Error>),
}

/// Connects to the worker at `url` for a session.
///
/// The connection runs in a task of its own, on the caller's runtime.
pub async fn connect(url: &str, session: SessionId, config: &StreamConfig) -> Result<WorkerLink, LinkError> {
    if url.starts_with("wss:") {
        dalston_tls::install_provider();
    }
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let connecting = connect_async_with_config(target(url, session, config), Some(limits), true);
    let (socket, _) = timeout(HANDSHAKE, connecting)
        .await
        .map_err(|_| LinkError::Late)?
        .map_err(|error| LinkError::Refused(Box::new(error)))?;
    let (link, end) = WorkerLink::pair();
    tokio::spawn(run_session(socket, session, end));
    Ok(link)
}

/// Returns the URL of a session.
fn target(url: &str, session: SessionId, config: &StreamConfig) -> String {
    let StreamConfig { language, model, encoding, sample_rate } = config;
    let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (joint, encoding) = (if url.contains('?') { '&' } else { '?' }, encoding.as_str());
    let (language, model) = (text(language), text(model));
    format!(
        "{url}{joint}session_id={session}&language={language}&model={model}&encoding={encoding}&sample_rate={sample_rate}"
    )
}

/// Forwards in both directions, until the worker has sent its last event, either side is gone, or the link is dropped.
/// Then both directions end.
async fn run_session<S>(socket: S, session: SessionId, end: WorkerEnd)
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message, Error = tungstenite::Error>,
{
    let (mut to, mut from) = socket.split();
    let WorkerEnd { mut heard, say } = end;
    let silent = AtomicU8::new(0);
    let over = tokio::select! {
        over = forward_to_worker(&mut heard, &mut to, &silent) => over,
        over = forward_to_client(&mut from, &say, &silent) => over,
    };
    tracing::debug!(event = "worker_session.closed", %session, over, "closed the session with the worker");
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
    let _ = timeout(HANDSHAKE, to.send(Message::Close(Some(goodbye)))).await;
}

/// Forwards the client's frames to the worker.
async fn forward_to_worker(
    heard: &mut tokio::sync::mpsc::Receiver<ClientFrame>,
    to: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    silent: &AtomicU8,
) -> &'static str {
    let mut pings = pings();
    loop {
        let message = tokio::select! {
            biased;
            frame = heard.recv() => match frame {
                Some(ClientFrame::Audio(audio)) => Message::Binary(audio),
                Some(ClientFrame::Control(text)) => Message::Text(utf8(text)),
                None => return "nobody listens",
            },
            _ = pings.tick() => {
                if silent.fetch_add(1, Ordering::Relaxed) >= SILENT_PINGS {
                    return "the worker is silent";
                }
                Message::Ping(Bytes::new())
            }
        };
        if !matches!(timeout(WRITE_TIMEOUT, to.send(message)).await, Ok(Ok(()))) {
            return "the worker takes nothing";
        }
    }
}

/// Forwards the worker's events to the client. While the client does not receive, nothing more is read from the worker
/// (back-pressure).
async fn forward_to_client(
    from: &mut (impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin),
    say: &tokio::sync::mpsc::Sender<WorkerEvent>,
    silent: &AtomicU8,
) -> &'static str {
    while let Some(Ok(message)) = from.next().await {
        silent.store(0, Ordering::Relaxed);
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return "the worker has closed",
            _ => continue,
        };
        // The gateway itself reports the begin of a session, and messages of unknown types are of no use to clients.
        // Both are skipped.
        let Some(said) = ByteString::try_from(Bytes::from(text)).ok().and_then(WorkerEvent::read) else { continue };
        let ends = said.kind == WorkerEventKind::End;
        if say.send(said).await.is_err() {
            return "nobody listens";
        }
        if ends {
            return "all was said";
        }
        // A worker that had to wait for the client is not silent.
        silent.store(0, Ordering::Relaxed);
    }
    "the worker is gone"
}

fn pings() -> Interval {
    let mut pings = interval(PING);
    // Pings that were missed during a slow write do not count against the worker.
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick of an interval is due at once. Postpone it.
    pings.reset();
    pings
}

/// Converts the text without a copy. It is valid UTF-8 already.
fn utf8(text: ByteString) -> Utf8Bytes {
    Utf8Bytes::try_from(text.into_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoding;
    use dalston_model::{SeededEntropy, Timestamp};

    #[test]
    fn the_session_stands_in_the_query_whatever_the_words() {
        let session = SessionId::new(Timestamp::from_secs(1), &SeededEntropy::new(1)).unwrap();
        let config = StreamConfig {
            language: "en&x=1".to_owned(),
            model: "a#b".to_owned(),
            encoding: Encoding::MuLaw,
            sample_rate: 8_000,
        };
        let rest = format!("session_id={session}&language=en%26x%3D1&model=a%23b&encoding=mulaw&sample_rate=8000");
        assert_eq!(target("ws://h/s", session, &config), format!("ws://h/s?{rest}"));
        assert_eq!(target("ws://h/s?k=v", session, &config), format!("ws://h/s?k=v&{rest}"));
    }
}
