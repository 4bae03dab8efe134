//! The handshake of a stream, in whatever dialect: refusals that a browser can read, a session only after admission.

use crate::{
    Gateway,
    fault::{problem, upgrade_required},
    frames::bounded,
    session::{Dialect, Fault, Texts, carry, close},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    rt,
    web::Payload,
};
use actix_ws::{AggregatedMessageStream, CloseCode, Session};
use dalston_actix::Problem;
use dalston_auth::{Denied, Permit, Refusal};
use dalston_model::ErrorCode;
use dalston_service::ServiceError;
use dalston_stream::StreamConfig;

/// A message of several frames has at most so many bytes (WS-05).
const MESSAGE_BYTES: usize = 1024 * 1024;

/// What a dialect asks of the handshake.
pub(crate) struct Terms {
    /// A frame has at most so many bytes.
    pub(crate) frame_bytes: u32,
    /// The subprotocol that is agreed to where the client offers it.
    pub(crate) protocol: &'static str,
}

/// What came of a handshake.
pub(crate) enum Shaken {
    /// The client was admitted.
    Open(Box<Opened>),
    /// It was not, and reads why when the socket closes.
    Closed(HttpResponse),
}

/// A socket whose client was admitted.
pub(crate) struct Opened {
    response: HttpResponse,
    session: Session,
    messages: AggregatedMessageStream,
    permit: Permit,
}

/// Answers the handshake.
pub(crate) async fn shake(
    request: &HttpRequest,
    payload: Payload,
    entered: Result<Permit, Denied>,
    gateway: &Gateway,
    terms: &Terms,
) -> Result<Shaken, Problem> {
    if !gateway.origins.allow(request) {
        return Err(Problem::new(ErrorCode::OriginNotAllowed, "This origin may not open a stream"));
    }
    if !request.headers().contains_key(header::UPGRADE) {
        entered?;
        return Err(upgrade_required());
    }
    let payload = bounded(request, payload, terms.frame_bytes.into()).await.map_err(|_| upgrade_required())?;
    let (mut response, session, messages) = actix_ws::handle(request, payload).map_err(|_| upgrade_required())?;
    if offers(request, terms.protocol) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(terms.protocol));
    }
    match entered {
        Ok(permit) => {
            let messages = messages
                .max_frame_size(terms.frame_bytes as usize)
                .aggregate_continuations()
                .max_continuation_size(MESSAGE_BYTES);
            Ok(Shaken::Open(Box::new(Opened { response, session, messages, permit })))
        }
        Err(denied) => {
            let (code, reason) = refused(denied)?;
            close(session, code, reason).await;
            Ok(Shaken::Closed(response))
        }
    }
}

impl Opened {
    /// Begins a session of this dialect, if a worker has room for it; what is not `Ok` is told as it is.
    pub(crate) async fn begin(
        self,
        gateway: &Gateway,
        config: Result<StreamConfig, Fault>,
        mut dialect: impl Dialect + 'static,
    ) -> Result<HttpResponse, Problem> {
        let Self { response, session, messages, permit } = self;
        let started = match &config {
            Ok(config) => gateway.runtime.services.streams.start(&permit, config).await,
            Err(_) => Ok(None),
        };
        let (fault, code, reason) = match (config, started) {
            (Ok(_), Ok(Some(stream))) => {
                rt::spawn(carry(session, messages, stream, dialect));
                return Ok(response);
            }
            (Ok(_), Ok(None)) => (Some(Fault::no_capacity()), CloseCode::Again, "No workers available".to_owned()),
            (Ok(_), Err(ServiceError::Excess { excess, .. })) => (None, CloseCode::Other(4029), excess.to_string()),
            (Ok(_), Err(error)) => return Err(problem(error)),
            (Err(fault), _) => (Some(fault), CloseCode::Policy, "Invalid parameters".to_owned()),
        };
        let (mut session, mut say) = (session, Texts::new());
        if let Some(fault) = fault {
            dialect.fault(&fault, &mut say);
        }
        for text in say {
            // There is room on a socket that has just begun, and a client that is gone is noticed by nobody.
            let _ = session.text(text).await;
        }
        close(session, code, reason).await;
        Ok(response)
    }
}

/// Whether the client offers this subprotocol (RFC 6455 §4.1).
fn offers(request: &HttpRequest, protocol: &str) -> bool {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|it| it.trim() == protocol)
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
        Refusal::UnknownTenant | Refusal::Unavailable | Refusal::Uncounted => Err(denied.into()),
    }
}
