//! The stream's own dialect (API.md §6): binary audio in, JSON both ways.

use crate::{
    Gateway,
    handshake::{Shaken, Terms, shake},
    session::{Dialect, Fault, Heard, Texts, Wish},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, Query},
};
use bytestring::ByteString;
use dalston_actix::{Entered, Problem};
use dalston_service::Stream;
use dalston_stream::{ClientFrame, Said, StreamConfig};
use serde::Deserialize;
use serde_json::{Value, json};

/// A frame has at most so many bytes (WS-05).
const TERMS: Terms = Terms { frame_bytes: 64 * 1024, protocol: "dalston" };

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
    match shake(&request, payload, entered, &gateway, &TERMS).await? {
        Shaken::Open(opened) => opened.begin(&gateway, config(&request), Native).await,
        Shaken::Closed(response) => Ok(response),
    }
}

/// What the query asks for, if it can be served.
fn config(request: &HttpRequest) -> Result<StreamConfig, Fault> {
    let message = "language, model, encoding or sample_rate cannot be served";
    asked(request).ok_or_else(|| Fault::new("invalid_parameters", message, false))
}

fn asked(request: &HttpRequest) -> Option<StreamConfig> {
    let Asked { language, model, encoding, sample_rate } =
        Query::<Asked>::from_query(request.query_string()).ok()?.into_inner();
    // Others have no small ratio to the 16 kHz of the built-in worker: their tables are long, and costly to make.
    let is_rate = (8_000..=48_000).contains(&sample_rate) && sample_rate % 25 == 0;
    let sound = is_word(&language) && is_word(&model) && is_rate;
    let encoding = encoding.parse().ok()?;
    sound.then_some(StreamConfig { language, model, encoding, sample_rate })
}

/// Whether a text can be the name of a language or a model.
pub(crate) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is said goes through as it is.
struct Native;

impl Dialect for Native {
    fn begin(&mut self, stream: &Stream, say: &mut Texts) {
        push(say, &json!({"type": "session.begin", "session_id": stream.id.to_string(), "config": stream.config}));
    }

    fn hear(&mut self, message: Heard, _: bool, say: &mut Texts) -> Wish {
        match message {
            Heard::Audio(audio) => Wish::Pass(ClientFrame::Audio(audio)),
            Heard::Text(text) if is_control(&text) => Wish::Pass(ClientFrame::Control(text)),
            Heard::Text(_) => {
                let message = "A message is an object of type config, flush, clear or end";
                self.fault(&Fault::new("invalid_message", message, true), say);
                Wish::Nothing
            }
        }
    }

    fn tell(&mut self, said: Said, say: &mut Texts) {
        say.push_back(said.text);
    }

    fn fault(&mut self, fault: &Fault, say: &mut Texts) {
        let Fault { code, message, recoverable } = fault;
        let mut error = json!({"type": "error", "code": code, "message": message});
        if let Some(recoverable) = recoverable {
            error["recoverable"] = (*recoverable).into();
        }
        push(say, &error);
    }
}

/// Adds a message.
pub(crate) fn push(say: &mut Texts, message: &Value) {
    say.push_back(ByteString::from(message.to_string()));
}

fn is_control(text: &str) -> bool {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    match message["type"].as_str() {
        // What the audio is was said when the stream was opened, and is metered by that.
        Some("config") => message.get("encoding").is_none() && message.get("sample_rate").is_none(),
        Some("flush" | "clear" | "end") => true,
        _ => false,
    }
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
