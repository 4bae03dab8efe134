//! OpenAI's realtime protocol, for transcription only: the same streams under another wire protocol.

mod items;
mod protocol;
mod update;

use crate::{
    Gateway,
    handshake::{HandshakeOptions, HandshakeOutcome, offers, perform},
    session::SessionFault,
    stream::is_word,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, Query},
};
use dalston_actix::{AuthOutcome, Problem};
use dalston_auth::rights;
use protocol::Realtime;
use serde::Deserialize;
use update::Names;

/// Audio arrives as base64 within JSON, so a frame may be as large as a message.
const TERMS: HandshakeOptions = HandshakeOptions { frame_bytes: 1024 * 1024, protocol: "realtime" };

/// The header by which a client says that it knows the beta's names only.
const BETA: (&str, &str) = ("openai-beta", "realtime=v1");
const BETA_PROTOCOL: &str = "openai-beta.realtime-v1";

/// The query. Official clients send a model, and some of them nothing else.
#[derive(Deserialize)]
struct RealtimeQuery {
    #[serde(default)]
    intent: String,
    #[serde(default)]
    model: String,
}

/// Opens a stream, or closes the socket with the reason.
pub(crate) async fn open(
    request: HttpRequest,
    payload: Payload,
    AuthOutcome(decided): AuthOutcome<rights::Realtime>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let opened = match perform(&request, payload, decided, &gateway, &TERMS).await? {
        HandshakeOutcome::Open(opened) => opened,
        HandshakeOutcome::Closed(response) => return Ok(response),
    };
    let names = if knows_the_beta(&request) { Names::Beta } else { Names::Current };
    let asked = Query::<RealtimeQuery>::from_query(request.query_string()).map(Query::into_inner);
    let (model, fault) = match asked {
        Ok(RealtimeQuery { intent, .. }) if !matches!(intent.as_str(), "" | "transcription") => {
            (None, Some("intent must be transcription: no other can be served"))
        }
        Ok(RealtimeQuery { model, .. }) if model.is_empty() => (None, None),
        Ok(RealtimeQuery { model, .. }) if is_word(&model) => (Some(model), None),
        _ => (None, Some("intent or model is not well-formed")),
    };
    let protocol = Realtime::new(names, model);
    let config = match fault {
        Some(message) => Err(SessionFault::new("invalid_parameters", message, false)),
        None => Ok(protocol.config()),
    };
    opened.begin(&gateway, config, protocol).await
}

/// Whether the client says that it speaks the beta.
fn knows_the_beta(request: &HttpRequest) -> bool {
    let (name, value) = BETA;
    let betas = request.headers().get_all(name).filter_map(|betas| betas.to_str().ok());
    betas.flat_map(|betas| betas.split(',')).any(|beta| beta.trim().eq_ignore_ascii_case(value))
        || offers(request, BETA_PROTOCOL)
}
