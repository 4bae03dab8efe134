//! The stream's door: refusals that a browser can read, a session only after admission, an end when the key ends.

use crate::{
    Gateway,
    fault::{problem, upgrade_required},
    frames::bounded,
};
use actix_web::{
    HttpRequest, HttpResponse,
    error::PayloadError,
    http::header,
    rt,
    web::{Data, Payload, Query},
};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session};
use dalston_actix::{Entered, Problem};
use dalston_auth::{Denied, Refusal};
use dalston_model::ErrorCode;
use dalston_service::{ClientFrame, Ending, Stream, StreamConfig};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{io::ErrorKind, time::Duration};
use tokio::time::{Interval, interval};

/// A frame has at most so many bytes, a message of several frames so many (WS-05).
const FRAME_BYTES: u32 = 64 * 1024;
const MESSAGE_BYTES: usize = 1024 * 1024;
/// A client is asked so often whether it still lives, and may be silent twice (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;

/// What the query asks for. Parameters of other versions are passed over.
#[derive(Deserialize)]
struct Asked {
    #[serde(default = "auto")]
    language: String,
    #[serde(default = "fast")]
    model: String,
    #[serde(default = "pcm_s16le")]
    encoding: String,
    #[serde(default = "sixteen_thousand")]
    sample_rate: u32,
}

/// Opens a stream, or closes the socket with the reason.
pub(crate) async fn open(
    request: HttpRequest,
    payload: Payload,
    Entered(entered): Entered,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.origins.allow(&request) {
        return Err(Problem::new(ErrorCode::OriginNotAllowed, "This origin may not open a stream"));
    }
    if !request.headers().contains_key(header::UPGRADE) {
        entered?;
        return Err(upgrade_required());
    }
    let payload = bounded(&request, payload, FRAME_BYTES.into()).await.map_err(|_| upgrade_required())?;
    let (response, mut session, messages) = actix_ws::handle(&request, payload).map_err(|_| upgrade_required())?;
    let permit = match entered {
        Ok(permit) => permit,
        Err(denied) => {
            let (code, reason) = refused(denied)?;
            close(session, code, reason).await;
            return Ok(response);
        }
    };
    let Some(config) = config(&request) else {
        let message = "language, model, encoding or sample_rate cannot be served";
        say(
            &mut session,
            &json!({"type": "error", "code": "invalid_parameters", "message": message, "recoverable": false}),
        )
        .await;
        close(session, CloseCode::Policy, "Invalid parameters").await;
        return Ok(response);
    };
    match gateway.runtime.services.streams.start(&permit, &config).await.map_err(problem)? {
        None => {
            say(&mut session, &json!({"type": "error", "code": "no_capacity", "message": "No workers available"}))
                .await;
            close(session, CloseCode::Again, "No workers available").await;
        }
        Some(stream) => {
            let messages = messages
                .max_frame_size(FRAME_BYTES as usize)
                .aggregate_continuations()
                .max_continuation_size(MESSAGE_BYTES);
            say(&mut session, &json!({"type": "session.begin", "session_id": stream.id.to_string(), "config": config}))
                .await;
            rt::spawn(carry(session, messages, stream));
        }
    }
    Ok(response)
}

/// The close code of a refusal.
fn refused(denied: Denied) -> Result<(CloseCode, &'static str), Problem> {
    match denied.refusal {
        Refusal::MissingCredential | Refusal::InvalidCredential | Refusal::AmbiguousCredential => {
            Ok((CloseCode::Other(4001), "Invalid API key"))
        }
        Refusal::InsufficientScope(_) => Ok((CloseCode::Other(4003), "Missing 'realtime' scope")),
        Refusal::RateLimited(_) | Refusal::TooManyFailures { .. } => {
            Ok((CloseCode::Other(4029), "Rate limit exceeded"))
        }
        Refusal::UnknownTenant | Refusal::Unavailable => Err(denied.into()),
    }
}

/// What the query asks for, if it can be served.
fn config(request: &HttpRequest) -> Option<StreamConfig> {
    let asked = Query::<Asked>::from_query(request.query_string()).ok()?.into_inner();
    let word = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let encoding = matches!(asked.encoding.as_str(), "pcm_s16le" | "pcm_f32le" | "mulaw" | "alaw");
    let sound =
        word(&asked.language) && word(&asked.model) && encoding && (8_000..=48_000).contains(&asked.sample_rate);
    sound.then_some(StreamConfig {
        language: asked.language,
        model: asked.model,
        encoding: asked.encoding,
        sample_rate: asked.sample_rate,
    })
}

/// How a session ended.
enum End {
    /// With a close code of ours.
    Closed(CloseCode, &'static str),
    /// The client is gone, or has closed.
    Gone,
}

/// Carries frames both ways until either side, the key, or the gateway ends the session.
async fn carry(mut session: Session, mut messages: AggregatedMessageStream, mut stream: Stream) {
    let mut alive = Alive { pings: interval(PING), silent: 0 };
    let end = loop {
        tokio::select! {
            biased;
            changed = stream.ending.changed() => {
                let ending = stream.ending.borrow_and_update().filter(|_| changed.is_ok());
                break ending.map_or(End::Gone, ended);
            }
            message = messages.next() => match message {
                Some(Ok(message)) => {
                    alive.silent = 0;
                    if let Some(end) = hear(&mut session, &mut stream, message).await {
                        break end;
                    }
                }
                Some(Err(error)) => break broken(&error),
                None => break End::Gone,
            },
            said = stream.worker.from.recv() => match said {
                Some(text) => if session.text(text).await.is_err() { break End::Gone },
                None => break End::Closed(CloseCode::Normal, "Session ended"),
            },
            _ = alive.pings.tick() => {
                if !alive.asks(&mut session).await {
                    break End::Gone;
                }
            }
        }
    };
    match end {
        End::Closed(code, reason) => close(session, code, reason).await,
        End::Gone => {
            // A worker that is not told would wait for more.
            let _ = stream.worker.to.try_send(ClientFrame::Control(r#"{"type":"end"}"#.to_owned()));
            let _ = session.close(None).await;
        }
    }
}

/// Whether a client still answers.
struct Alive {
    pings: Interval,
    silent: u8,
}

impl Alive {
    async fn asks(&mut self, session: &mut Session) -> bool {
        self.silent += 1;
        self.silent <= SILENT_PINGS && session.ping(b"").await.is_ok()
    }
}

/// Takes a message of the client. A worker that is slow makes the client wait; the end of the key does not wait for it.
async fn hear(session: &mut Session, stream: &mut Stream, message: AggregatedMessage) -> Option<End> {
    let frame = match message {
        AggregatedMessage::Binary(audio) => ClientFrame::Audio(audio),
        AggregatedMessage::Text(text) if is_control(&text) => ClientFrame::Control(text.to_string()),
        AggregatedMessage::Text(_) => {
            let message = "A message is an object of type config, flush, clear or end";
            say(session, &json!({"type": "error", "code": "invalid_message", "message": message, "recoverable": true}))
                .await;
            return None;
        }
        AggregatedMessage::Ping(payload) => return session.pong(&payload).await.is_err().then_some(End::Gone),
        AggregatedMessage::Pong(_) => return None,
        AggregatedMessage::Close(_) => return Some(End::Gone),
    };
    tokio::select! {
        biased;
        _ = stream.ending.changed() => (*stream.ending.borrow_and_update()).map(ended),
        sent = stream.worker.to.send(frame) => {
            sent.is_err().then_some(End::Closed(CloseCode::Error, "The worker is gone"))
        }
    }
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

async fn say(session: &mut Session, message: &Value) {
    // A client that is gone is noticed by whoever reads from it.
    let _ = session.text(message.to_string()).await;
}

async fn close(session: Session, code: CloseCode, reason: &'static str) {
    let _ = session.close(Some(CloseReason { code, description: Some(reason.to_owned()) })).await;
}

fn auto() -> String {
    "auto".to_owned()
}

fn fast() -> String {
    "fast".to_owned()
}

fn pcm_s16le() -> String {
    "pcm_s16le".to_owned()
}

fn sixteen_thousand() -> u32 {
    16_000
}
