//! The stream's door: refusals that a browser can read, a session only after admission.

use crate::{
    Gateway,
    fault::{problem, upgrade_required},
    frames::bounded,
    session::{carry, close},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    rt,
    web::{Data, Payload, Query},
};
use actix_ws::{CloseCode, Session};
use dalston_actix::{Entered, Problem};
use dalston_auth::{Denied, Refusal};
use dalston_model::ErrorCode;
use dalston_service::StreamConfig;
use serde::Deserialize;
use serde_json::{Value, json};

/// A frame has at most so many bytes, a message of several frames so many (WS-05).
const FRAME_BYTES: u32 = 64 * 1024;
const MESSAGE_BYTES: usize = 1024 * 1024;

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

/// Says something on a session that has just begun, where there is room.
async fn say(session: &mut Session, message: &Value) {
    // A client that is gone is noticed by whoever reads from it.
    let _ = session.text(message.to_string()).await;
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
