//! The door of OpenAI's realtime protocol, for transcription: the same streams in other words.

mod dialect;
mod items;
mod update;

use crate::{
    Gateway,
    handshake::{Shaken, Terms, shake},
    session::Fault,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, Query},
};
use dalston_actix::{Entered, Problem};
use dialect::Realtime;
use serde::Deserialize;

/// Audio comes in base64 within JSON, so a frame may be as long as a message.
const TERMS: Terms = Terms { frame_bytes: 1024 * 1024, protocol: "realtime" };

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    intent: String,
}

/// Opens a stream, or closes the socket with the reason.
pub(crate) async fn open(
    request: HttpRequest,
    payload: Payload,
    Entered(entered): Entered,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let opened = match shake(&request, payload, entered, &gateway, &TERMS).await? {
        Shaken::Open(opened) => opened,
        Shaken::Closed(response) => return Ok(response),
    };
    let asked = Query::<Asked>::from_query(request.query_string()).map(Query::into_inner);
    let dialect = Realtime::new();
    let config = match asked {
        Ok(Asked { intent }) if intent == "transcription" => Ok(dialect.config()),
        _ => Err(Fault::new("invalid_parameters", "Only intent=transcription can be served", false)),
    };
    opened.begin(&gateway, config, dialect).await
}
