//! The native wire protocol of a stream (API.md §6): binary audio in, JSON both ways.

use crate::{
    Gateway,
    handshake::{HandshakeOptions, HandshakeOutcome, perform},
    session::{ClientAction, ClientMessage, OutboundQueue, SessionFault, WireProtocol},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, Query},
};
use bytestring::ByteString;
use dalston_actix::{AuthOutcome, Problem};
use dalston_auth::rights;
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent};
use dalston_work::SessionId;
use serde_json::{Value, json};

/// Maximum number of bytes in a frame (WS-05).
const TERMS: HandshakeOptions = HandshakeOptions { frame_bytes: 64 * 1024, protocol: "dalston" };

/// Error messages with the valid values of each parameter.
const QUERY: &str = "The query is not well-formed";
const LANGUAGE: &str = "language must be 1 to 64 visible characters, once";
const MODEL: &str = "model must be 1 to 64 visible characters, once";
const ENCODING: &str = "encoding must be pcm_s16le, pcm_f32le, mulaw or alaw, once";
const SAMPLE_RATE: &str = "sample_rate must be a multiple of 25 from 8000 to 48000, once";

/// Opens a stream, or closes the socket with the reason.
pub(crate) async fn open(
    request: HttpRequest,
    payload: Payload,
    AuthOutcome(decided): AuthOutcome<rights::Realtime>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    match perform(&request, payload, decided, &gateway, &TERMS).await? {
        HandshakeOutcome::Open(opened) => opened.begin(&gateway, config(&request), Native).await,
        HandshakeOutcome::Closed(response) => Ok(response),
    }
}

/// Returns the stream configuration in the query, or the fault for an invalid parameter.
///
/// A parameter that is empty or absent has its default. Unknown parameters are ignored, since other versions may define
/// them.
fn config(request: &HttpRequest) -> Result<StreamConfig, SessionFault> {
    asked(request.query_string()).map_err(|wanted| SessionFault::new("invalid_parameters", wanted, false))
}

/// Parses the query. `Err` is the message with the valid values of the first invalid parameter.
fn asked(query: &str) -> Result<StreamConfig, &'static str> {
    let given = Query::<Vec<(String, String)>>::from_query(query).map_err(|_| QUERY)?.into_inner();
    let one = |name: &str, default: &'static str, wanted: &'static str| {
        let mut values = given.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone());
        let value = values.next().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned());
        if values.next().is_none() { Ok(value) } else { Err(wanted) }
    };
    let language = one("language", "auto", LANGUAGE)?;
    let model = one("model", "fast", MODEL)?;
    let encoding = one("encoding", "pcm_s16le", ENCODING)?.parse().map_err(|_| ENCODING)?;
    let sample_rate = one("sample_rate", "16000", SAMPLE_RATE)?.parse().map_err(|_| SAMPLE_RATE)?;
    // Other rates have no small ratio to the 16 kHz of the built-in worker: their resampling tables are long and
    // expensive to build.
    let is_rate = (8_000..=48_000).contains(&sample_rate) && sample_rate % 25 == 0;
    match (is_word(&language), is_word(&model), is_rate) {
        (false, ..) => Err(LANGUAGE),
        (_, false, _) => Err(MODEL),
        (.., false) => Err(SAMPLE_RATE),
        _ => Ok(StreamConfig { language, model, encoding, sample_rate }),
    }
}

/// Whether a text can be the name of a language or a model.
pub(crate) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The native protocol: events of the worker are passed on unchanged.
struct Native;

impl WireProtocol for Native {
    fn begin(&mut self, session: SessionId, config: &StreamConfig, say: &mut OutboundQueue) {
        push(say, &json!({"type": "session.begin", "session_id": session.to_string(), "config": config}));
    }

    fn on_client_message(&mut self, message: ClientMessage, _: bool, say: &mut OutboundQueue) -> ClientAction {
        match message {
            ClientMessage::Audio(audio) => ClientAction::Pass(ClientFrame::Audio(audio)),
            ClientMessage::Text(text) if is_control(&text) => ClientAction::Pass(ClientFrame::Control(text)),
            ClientMessage::Text(_) => {
                let message = "A message is an object of type config, flush, clear or end";
                self.fault(&SessionFault::new("invalid_message", message, true), say);
                ClientAction::Nothing
            }
        }
    }

    fn on_worker_event(&mut self, said: WorkerEvent, say: &mut OutboundQueue) {
        say.push_back(said.text);
    }

    fn fault(&mut self, fault: &SessionFault, say: &mut OutboundQueue) {
        let SessionFault { code, message, recoverable } = fault;
        let mut error = json!({"type": "error", "code": code, "message": message});
        if let Some(recoverable) = recoverable {
            error["recoverable"] = (*recoverable).into();
        }
        push(say, &error);
    }
}

/// Queues a JSON message.
pub(crate) fn push(say: &mut OutboundQueue, message: &Value) {
    say.push_back(ByteString::from(message.to_string()));
}

fn is_control(text: &str) -> bool {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    match message["type"].as_str() {
        // The audio format was set when the stream was opened, and audio is metered by it.
        Some("config") => message.get("encoding").is_none() && message.get("sample_rate").is_none(),
        Some("flush" | "clear" | "end") => true,
        _ => false,
    }
}
