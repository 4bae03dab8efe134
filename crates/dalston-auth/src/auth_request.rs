//! A request to the gate, and its rejection.

use crate::{Credential, RejectionReason, credential::CredentialLocation};
use dalston_limit::RateLimitDecision;
use dalston_model::{Actor, Door, RequestId, Source};
use std::net::IpAddr;
use thiserror::Error;

/// The parts of a request that the gate needs.
///
/// Each interface (HTTP routes, streams, `POST /call`, …) fills them in from its own kind of request.
pub struct AuthRequest<'a> {
    /// The one credential, or why there is none.
    pub credential: Result<Credential<'a>, RejectionReason>,
    /// The tenant that a platform caller names (`X-Dalston-Tenant`, `--tenant`).
    pub tenant: Option<&'a str>,
    /// The interface through which the request arrived.
    pub door: Door,
    /// The requested route, for the audit log of master key uses.
    pub asked: RequestedRoute<'a>,
    /// The origin of the page that sent the request, if there is one.
    pub origin: Option<&'a str>,
    /// The client's address, if the interface has one. Without it, failed attempts are not throttled.
    pub address: Option<IpAddr>,
    /// The id of the request, if the interface assigns ids.
    pub request_id: Option<RequestId>,
}

impl<'a> AuthRequest<'a> {
    /// Creates an HTTP request that presents `key` as an API key.
    ///
    /// Failed attempts are counted per `address`. Without an address they are not throttled.
    pub const fn with_key(key: &'a str, address: Option<IpAddr>) -> Self {
        Self {
            credential: Ok(Credential { location: CredentialLocation::ApiKey, token: key.as_bytes() }),
            tenant: None,
            door: Door::Http,
            asked: RequestedRoute { method: "", route: "" },
            origin: None,
            address,
            request_id: None,
        }
    }

    /// Returns the source for the audit log. The actor is the gateway, since the caller is not authenticated yet.
    pub(crate) const fn source(&self) -> Source {
        Source { actor: Actor::Gateway, door: self.door, address: self.address, request_id: self.request_id }
    }
}

/// The route that a request asks for: the pattern from the route table, never the path that the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedRoute<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The route pattern; empty if no route matches.
    pub route: &'a str,
}

/// A request that the gate rejected.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{reason}")]
pub struct Rejection {
    /// The reason.
    pub reason: RejectionReason,
    /// The state of the rate limit, if the key was authenticated and has a limit.
    pub decision: Option<RateLimitDecision>,
}

impl From<RejectionReason> for Rejection {
    fn from(reason: RejectionReason) -> Self {
        let decision = if let RejectionReason::RateLimited(decision) = reason { Some(decision) } else { None };
        Self { reason, decision }
    }
}
