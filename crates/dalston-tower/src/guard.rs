//! The guard of a service: applies the policy of a route to a request.

use dalston_auth::{
    Gate, GateStep, RejectionReason, Requirement,
    http::{GuardPolicy, RequestInfo, is_handshake},
};
use http::{HeaderValue, Method, Request};
use std::sync::Arc;

/// The guard of a service.
pub(crate) struct Guard(pub(crate) GuardPolicy<Method>);

impl Guard {
    /// Returns the gate.
    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        self.0.gate()
    }

    /// Returns the requirement of the method; `None` if it is public.
    pub(crate) fn requirement(&self, method: &Method) -> Option<Requirement> {
        self.0.requirement(method)
    }

    /// Authenticates and authorizes the request.
    pub(crate) fn enter<B>(&self, request: &Request<B>, info: &RequestInfo, requirement: Requirement) -> GateStep {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.0.authenticate(request.method(), request.uri().query().unwrap_or_default(), headers, info, requirement)
    }

    /// Returns whether the guard itself answers a rejection.
    pub(crate) fn answers<B>(&self, request: &Request<B>, reason: RejectionReason) -> bool {
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        self.0.answers(reason, || is_handshake(request.method().as_str(), header))
    }
}
