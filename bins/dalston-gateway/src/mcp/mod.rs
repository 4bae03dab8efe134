//! The MCP door: streamable HTTP without sessions. What a message is and who may send it is decided here; what the
//! protocol says about it, by the official SDK.

mod message;
mod tools;

use crate::{Gateway, body, claims, fault::problem};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use bytes::Bytes;
use dalston_actix::{Permitted, Problem};
use dalston_auth::{Caller, rights};
use dalston_command::Arguments;
use dalston_model::ErrorCode;
use dalston_runtime::Runtime;
use dalston_service::{Claims, ServiceError};
use http_body_util::{BodyExt, Full};
use message::{Message, Request, understood};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::Value;
use std::sync::Arc;
use tools::{Asker, Tools};

/// A message has at most so many bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// The SDK, without sessions and without streams: nothing of a request is left behind.
pub(crate) struct Mcp(StreamableHttpService<Tools, NeverSessionManager>);

impl Mcp {
    /// With the tools of these parts.
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
        let tools = Tools::new(runtime);
        Self(StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config))
    }
}

/// Answers a message.
pub(crate) async fn answer(
    request: HttpRequest,
    payload: Payload,
    Permitted(permit): Permitted<rights::Authenticated>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.origins.allow(&request) {
        return Err(Problem::new(ErrorCode::OriginNotAllowed, "This origin may not speak MCP"));
    }
    let place = || gateway.large_bodies.take(permit.tenant());
    let (body, _place) = body::large_json(&request, payload, gateway.pace, MESSAGE_BYTES, place).await?;
    let wanted = match understood(&request).and_then(|()| Message::read(&body)) {
        Ok(Message::Request(wanted)) => wanted,
        Ok(Message::Told) => return Ok(HttpResponse::Accepted().finish()),
        Err(fault) => return Ok(fault.respond()),
    };
    may_call(&gateway.runtime, permit.caller(), &wanted)?;
    let claim = Arc::default();
    let asker = Asker { permit, claim: Arc::clone(&claim) };
    let (head, body) = gateway.mcp.0.handle(onward(&request, body.into(), asker)?).await.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let Ok(body) = body.collect().await;
    // What is no JSON is a text of the SDK's.
    let Ok(mut message) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
        return Err(if status.is_server_error() {
            problem(ServiceError::Internal)
        } else {
            Problem::malformed("The request is none of this protocol")
        });
    };
    if let Some(token) = claim.get() {
        add_claim(&mut message["result"], &claims::url(&gateway, &request, token));
    }
    Ok(HttpResponse::build(status).json(message))
}

/// A tool that is not the caller's is refused as its HTTP route refuses it, and counted so; the client learns the scope.
fn may_call(runtime: &Runtime, caller: &Caller, wanted: &Request) -> Result<(), Problem> {
    let name = wanted.params.get("name").and_then(Value::as_str).filter(|_| wanted.method == "tools/call");
    let Some(row) = name.and_then(|name| runtime.registry.tool(name)) else { return Ok(()) };
    match runtime.registry.check(&runtime.services, caller, row, Arguments::new()) {
        Err(refused @ ServiceError::Refused(_)) => Err(problem(refused)),
        // Its arguments are looked at when it runs.
        _ => Ok(()),
    }
}

/// The request for the SDK: of its headers those of the protocol, and never a credential.
fn onward(request: &HttpRequest, body: Bytes, asker: Asker) -> Result<http::Request<Full<Bytes>>, Problem> {
    let theirs = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("mcp-"));
    let onward = http::Request::post("/mcp")
        // Hosts and media types were looked at.
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    theirs
        .fold(onward, |onward, (name, value)| onward.header(name.as_str(), value.as_bytes()))
        .extension(asker)
        .body(Full::new(body))
        .map_err(|_| Problem::malformed("The headers of the protocol are not well-formed"))
}

/// Adds the link of a claim to a result, which the SDK did not see: it writes results to the log.
fn add_claim(result: &mut Value, url: &str) {
    result["structuredContent"]["claim_url"] = url.into();
    result["structuredContent"]["claim_expires_in"] = Claims::LIFE.as_secs().into();
    let text = &mut result["content"][0]["text"];
    let drawn = text.as_str().unwrap_or_default();
    *text = format!("{drawn}\n\nIts secret is shown once, within five minutes, to whoever opens {url}").into();
}
