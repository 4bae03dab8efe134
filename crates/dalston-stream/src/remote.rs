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

/// A worker answers the handshake within this time, or another is asked.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A worker that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A worker is asked so often whether it still lives, and may be silent twice.
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;
/// A message of a worker has at most so many bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// What is read at once: messages are short, and sockets many.
const READ_BYTES: usize = 4 * 1024;
/// What may wait to be written: a frame of the client and some pongs.
const WRITE_BYTES: usize = 2 * MESSAGE_BYTES;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum LinkError {
    /// It did not answer in time.
    #[error("the worker did not answer in time")]
    Late,
    /// It is not there, or does not want to.
    #[error("the worker cannot be reached: {0}")]
    Refused(Box<tungstenite::Error>),
}

/// Connects to the worker at `url` for a session. The link lives in a task of its own, on the runtime of the caller.
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

/// The URL of a session.
fn target(url: &str, session: SessionId, config: &StreamConfig) -> String {
    let StreamConfig { language, model, encoding, sample_rate } = config;
    let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (joint, encoding) = (if url.contains('?') { '&' } else { '?' }, encoding.as_str());
    let (language, model) = (text(language), text(model));
    format!(
        "{url}{joint}session_id={session}&language={language}&model={model}&encoding={encoding}&sample_rate={sample_rate}"
    )
}

/// Carries both ways until the worker has said all, either side is gone, or nobody listens: then both halves end.
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

/// Gives the worker what the client says.
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

/// Gives the client what the worker says. Whoever does not take it makes the worker wait: no more is read meanwhile.
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
        // The beginning of a session is ours to tell, and what no client knows is of no use to one.
        let Some(said) = ByteString::try_from(Bytes::from(text)).ok().and_then(WorkerEvent::read) else { continue };
        let ends = said.kind == WorkerEventKind::End;
        if say.send(said).await.is_err() {
            return "nobody listens";
        }
        if ends {
            return "all was said";
        }
        // Whoever waits for the client is not silent.
        silent.store(0, Ordering::Relaxed);
    }
    "the worker is gone"
}

fn pings() -> Interval {
    let mut pings = interval(PING);
    // Those that were missed while a write had to wait do not count against the worker.
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is due at once.
    pings.reset();
    pings
}

/// The text as it is: it was checked when it came.
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
