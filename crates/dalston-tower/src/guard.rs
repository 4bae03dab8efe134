//! The guard of a service: what it asks of a request.

use dalston_auth::{
    Gate, GateStep, RejectionReason, Requirement,
    http::{GuardPolicy, RequestInfo, is_handshake},
};
use http::{HeaderValue, Method, Request};
use std::sync::Arc;

/// The guard of a service.
pub(crate) struct Guard(pub(crate) GuardPolicy<Method>);

impl Guard {
    /// The gate that is asked.
    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        self.0.gate()
    }

    /// What the method needs.
    pub(crate) fn need(&self, method: &Method) -> Option<Requirement> {
        self.0.need(method)
    }

    /// Asks the gate.
    pub(crate) fn enter<B>(&self, request: &Request<B>, info: &RequestInfo, need: Requirement) -> GateStep {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.0.authenticate(request.method(), request.uri().query().unwrap_or_default(), headers, info, need)
    }

    /// Whether the guard answers for a refusal itself.
    pub(crate) fn answers<B>(&self, request: &Request<B>, refusal: RejectionReason) -> bool {
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        self.0.answers(refusal, || is_handshake(request.method().as_str(), header))
    }
}
