//! What a door hands to the gate, and what it gets back.

use crate::{Caller, Credential, Permit, Refusal};
use dalston_limit::Verdict;
use dalston_model::{Door, RequestId};
use std::net::IpAddr;

/// A request, as far as the gate needs it: carried in by each door in its own way.
pub struct Attempt<'a> {
    /// The one credential, or why there is none.
    pub credential: Result<Credential<'a>, Refusal>,
    /// The tenant that a platform caller names (`X-Dalston-Tenant`, `--tenant`).
    pub tenant: Option<&'a str>,
    /// The door.
    pub door: Door,
    /// What is asked for, for the record of the master key's uses.
    pub asked: Asked<'a>,
    /// The origin of the page that asks, if there is one.
    pub origin: Option<&'a str>,
    /// The client's address, if the door has one.
    pub address: Option<IpAddr>,
    /// The request, if the door has ids.
    pub request_id: Option<RequestId>,
}

/// What a request asks for: a route as the table has it, never the path as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The pattern; empty where there is no such route.
    pub route: &'a str,
}

/// A request that was let in.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The proof of what the route needs, with the caller in it.
    pub permit: Permit,
}

impl Entry {
    /// Who was let in.
    pub const fn caller(&self) -> &Caller {
        self.permit.caller()
    }
}

/// A request that was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// Why.
    pub refusal: Refusal,
    /// How much of the minute is left, once the key of a limited caller was known.
    pub verdict: Option<Verdict>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let verdict = if let Refusal::RateLimited(verdict) = refusal { Some(verdict) } else { None };
        Self { refusal, verdict }
    }
}
