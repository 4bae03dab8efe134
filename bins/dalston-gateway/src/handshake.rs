//! The WebSocket handshake of a stream, for every wire protocol. Refusals are sent as close codes, which a browser can
//! read. A session starts only after authentication.

use crate::{
    Gateway,
    fault::{not_an_upgrade, problem, upgrade_required},
    messages::SocketMessages,
    outbox::{OutboundFrame, SocketOutbox},
    session::{OutboundQueue, SessionFault, WireProtocol, close, run},
};
use actix_http::ws::{CloseCode, hash_key};
use actix_web::{
    HttpRequest, HttpResponse,
    body::BodyStream,
    http::{
        StatusCode, Version,
        header::{self, HeaderName, HeaderValue},
    },
    rt,
    web::Payload,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use dalston_actix::Problem;
use dalston_auth::{Permit, Rejection, RejectionReason, rights};
use dalston_model::ErrorCode;
use dalston_service::ServiceError;
use dalston_stream::StreamConfig;

/// Options of a wire protocol for the handshake.
pub(crate) struct HandshakeOptions {
    /// Maximum number of bytes in a frame.
    pub(crate) frame_bytes: usize,
    /// The subprotocol to select if the client offers it.
    pub(crate) protocol: &'static str,
}

/// The outcome of a handshake.
pub(crate) enum HandshakeOutcome {
    /// The client was admitted.
    Open(Box<AcceptedSocket>),
    /// The client was refused. The close frame tells it the reason.
    Closed(HttpResponse),
}

/// A socket whose client was admitted, before its session starts.
pub(crate) struct AcceptedSocket {
    response: HttpResponse,
    outbox: SocketOutbox,
    messages: SocketMessages<Payload>,
    permit: Permit<rights::Realtime>,
}

/// Performs the handshake.
///
/// `decided` is the decision of the gate. Returns a [`Problem`] where the refusal is an HTTP response: for an origin
/// that is not allowed, an invalid upgrade, an unknown tenant, or an outage.
pub(crate) async fn perform(
    request: &HttpRequest,
    payload: Payload,
    decided: Result<Permit<rights::Realtime>, Rejection>,
    gateway: &Gateway,
    terms: &HandshakeOptions,
) -> Result<HandshakeOutcome, Problem> {
    if !gateway.origins.allow(request) {
        return Err(Problem::new(
            ErrorCode::OriginNotAllowed,
            "This origin may not open a stream: the operator can add it to DALSTON_ALLOWED_ORIGINS",
        ));
    }
    let key = match key(request) {
        Ok(key) => key,
        Err(problem) => {
            decided?;
            return Err(problem);
        }
    };
    let (outbox, body) = SocketOutbox::new();
    let mut response = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS)
        .upgrade("websocket")
        .insert_header((header::SEC_WEBSOCKET_ACCEPT, &hash_key(key)[..]))
        .body(BodyStream::new(body));
    if offers(request, terms.protocol) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(terms.protocol));
    }
    match decided {
        Ok(permit) => {
            let messages =
                SocketMessages::new(payload, terms.frame_bytes, gateway.pace.frames, gateway.runtime.clock.clone());
            Ok(HandshakeOutcome::Open(Box::new(AcceptedSocket { response, outbox, messages, permit })))
        }
        Err(denied) => {
            let (code, reason) = refused(denied)?;
            close(outbox, code, reason).await;
            Ok(HandshakeOutcome::Closed(response))
        }
    }
}

impl AcceptedSocket {
    /// Starts a session of this wire protocol, if a worker has capacity.
    ///
    /// Otherwise the client receives a fault or a close code on the socket. Some errors of the service are returned as
    /// a [`Problem`].
    pub(crate) async fn begin(
        self,
        gateway: &Gateway,
        config: Result<StreamConfig, SessionFault>,
        mut protocol: impl WireProtocol + 'static,
    ) -> Result<HttpResponse, Problem> {
        let Self { response, outbox, messages, permit } = self;
        let started = match &config {
            Ok(config) => gateway.runtime.services.streams.start(&permit, config).await,
            Err(_) => Ok(None),
        };
        let (fault, code, reason) = match (config, started) {
            (Ok(_), Ok(Some(stream))) => {
                let clock = gateway.runtime.clock.clone();
                rt::spawn(run(outbox, messages, stream, protocol, gateway.stream_idle, clock));
                return Ok(response);
            }
            (Ok(_), Ok(None)) => {
                (Some(SessionFault::no_capacity()), CloseCode::Again, "No workers available".to_owned())
            }
            (Ok(_), Err(ServiceError::Excess { excess, .. })) => (None, CloseCode::Other(4029), excess.to_string()),
            (Ok(_), Err(error)) => return Err(problem(error)),
            (Err(fault), _) => {
                // A client that sends at once may see only the close frame.
                let reason = fault.message.to_string();
                (Some(fault), CloseCode::Policy, reason)
            }
        };
        let (mut outbox, mut outbound) = (outbox, OutboundQueue::new());
        if let Some(fault) = fault {
            protocol.fault(&fault, &mut outbound);
        }
        for text in outbound {
            // A new socket has room for this. If the client has disconnected, the error does not matter.
            let _ = outbox.send(OutboundFrame::Text(text)).await;
        }
        close(outbox, code, &reason).await;
        Ok(response)
    }
}

/// Validates the upgrade and returns its `Sec-WebSocket-Key` (RFC 6455 §4.2.1).
fn key(request: &HttpRequest) -> Result<&[u8], Problem> {
    let headers = request.headers();
    // A header that may occur once counts as missing if it occurs twice.
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name);
        let first = values.next()?;
        values.next().is_none().then_some(first)?.to_str().ok()
    };
    if !only(header::UPGRADE).is_some_and(|upgrade| upgrade.trim().eq_ignore_ascii_case("websocket")) {
        return Err(upgrade_required());
    }
    if request.version() < Version::HTTP_11 || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(not_an_upgrade("An upgrade is a request of HTTP/1.1 without a body"));
    }
    if !request.head().upgrade() {
        return Err(not_an_upgrade("The header Connection must name the upgrade"));
    }
    if only(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(not_an_upgrade("Sec-WebSocket-Version must be 13"));
    }
    let key = only(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    if STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16) {
        Ok(key.as_bytes())
    } else {
        Err(not_an_upgrade("Sec-WebSocket-Key must be 16 bytes in base64, once"))
    }
}

/// Whether the client offers this subprotocol (RFC 6455 §4.1).
pub(crate) fn offers(request: &HttpRequest, protocol: &str) -> bool {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|it| it.trim() == protocol)
}

/// Returns the close code and reason of a refusal, or a problem if the refusal is to be an HTTP response.
fn refused(denied: Rejection) -> Result<(CloseCode, &'static str), Problem> {
    match denied.reason {
        RejectionReason::MissingCredential(_)
        | RejectionReason::InvalidCredential
        | RejectionReason::AmbiguousCredential => Ok((CloseCode::Other(4001), "Invalid API key")),
        RejectionReason::InsufficientScope(_) => Ok((CloseCode::Other(4003), "Missing 'realtime' scope")),
        RejectionReason::RateLimited(_) | RejectionReason::TooManyFailures { .. } => {
            Ok((CloseCode::Other(4029), "Rate limit exceeded"))
        }
        RejectionReason::UnknownTenant | RejectionReason::Unavailable | RejectionReason::Uncounted => {
            Err(denied.into())
        }
    }
}
