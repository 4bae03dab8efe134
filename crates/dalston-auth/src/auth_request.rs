//! A request at the gate, and how the gate decided.

use crate::{Credential, RejectionReason, credential::CredentialLocation};
use dalston_limit::RateLimitDecision;
use dalston_model::{Actor, Door, RequestId, Source};
use std::net::IpAddr;
use thiserror::Error;

/// A request, as far as the gate needs it: carried in by each door in its own way.
pub struct AuthRequest<'a> {
    /// The one credential, or why there is none.
    pub credential: Result<Credential<'a>, RejectionReason>,
    /// The tenant that a platform caller names (`X-Dalston-Tenant`, `--tenant`).
    pub tenant: Option<&'a str>,
    /// The door.
    pub door: Door,
    /// What is asked for, for the record of the master key's uses.
    pub asked: RequestedRoute<'a>,
    /// The origin of the page that asks, if there is one.
    pub origin: Option<&'a str>,
    /// The client's address, if the door has one.
    pub address: Option<IpAddr>,
    /// The request, if the door has ids.
    pub request_id: Option<RequestId>,
}

impl<'a> AuthRequest<'a> {
    /// A request over HTTP with a key. Failed attempts are counted by `address`: without one they are not throttled.
    pub const fn with_key(key: &'a str, address: Option<IpAddr>) -> Self {
        Self {
            credential: Ok(Credential { place: CredentialLocation::ApiKey, token: key.as_bytes() }),
            tenant: None,
            door: Door::Http,
            asked: RequestedRoute { method: "", route: "" },
            origin: None,
            address,
            request_id: None,
        }
    }

    /// The request, for the audit log: of nobody as yet.
    pub(crate) const fn source(&self) -> Source {
        Source { actor: Actor::Gateway, door: self.door, address: self.address, request_id: self.request_id }
    }
}

/// What a request asks for: a route as the table has it, never the path as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedRoute<'a> {
    /// The method.
    pub method: &'a str,
    /// The pattern; empty where there is no such route.
    pub route: &'a str,
}

/// A request that was refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{refusal}")]
pub struct Rejection {
    /// Why.
    pub refusal: RejectionReason,
    /// How much of the minute is left, once the key of a limited caller was known.
    pub verdict: Option<RateLimitDecision>,
}

impl From<RejectionReason> for Rejection {
    fn from(refusal: RejectionReason) -> Self {
        let verdict = if let RejectionReason::RateLimited(verdict) = refusal { Some(verdict) } else { None };
        Self { refusal, verdict }
    }
}
