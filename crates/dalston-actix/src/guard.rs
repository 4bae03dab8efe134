//! The gate in front of a resource: decided from the headers, before the body is read.

use actix_web::{
    HttpRequest, HttpResponse,
    dev::{Payload, ServiceRequest},
    http::{Method, header::HeaderValue},
};
use dalston_auth::{
    Admission, Gate, GateStep, RejectionReason, Requirement,
    http::{GuardPolicy, QueryKeys, RequestInfo, is_handshake},
};
use dalston_model::Door;
use std::sync::Arc;

/// What each method of a resource needs; `None` asks nobody.
pub type MethodRequirements = Vec<(Method, Option<Requirement>)>;

/// The answer to an admitted request without a body, where there is one at hand: then nothing behind the guard is asked.
pub type CachedResponse = Arc<dyn Fn(&HttpRequest, &Admission) -> Option<HttpResponse> + Send + Sync>;

/// Lets requests through to what it wraps, with an `Admission` in them, or answers for it.
#[derive(Clone)]
pub struct Guard {
    policy: GuardPolicy<Method>,
    at_hand: Option<CachedResponse>,
}

impl Guard {
    /// The same need for every method.
    pub fn new(gate: Arc<Gate>, need: Requirement) -> Self {
        Self { policy: GuardPolicy::new(gate, MethodRequirements::new(), need), at_hand: None }
    }

    /// A need for each method; of methods that are not listed, any caller.
    pub fn of_methods(gate: Arc<Gate>, needs: MethodRequirements) -> Self {
        Self { policy: GuardPolicy::new(gate, needs, Requirement::Caller), at_hand: None }
    }

    /// Where a key in the query is taken.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { policy: self.policy.query_keys(query_keys), ..self }
    }

    /// The door that the route is. At that of streams the handler delivers refusals, where the request is a WebSocket
    /// upgrade: a browser reads no refused handshake.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { policy: self.policy.door(door), ..self }
    }

    /// The pattern of the route, for the record of the master key's uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { policy: self.policy.route(route), ..self }
    }

    /// Where answers may be at hand.
    #[must_use]
    pub fn cached_response(self, at_hand: CachedResponse) -> Self {
        Self { at_hand: Some(at_hand), ..self }
    }

    /// The gate that is asked.
    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        self.policy.gate()
    }

    /// What the method needs.
    pub(crate) fn need(&self, method: &Method) -> Option<Requirement> {
        self.policy.need(method)
    }

    /// Asks the gate.
    pub(crate) fn enter(&self, request: &HttpRequest, info: &RequestInfo, need: Requirement) -> GateStep {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.policy.authenticate(request.method(), request.query_string(), headers, info, need)
    }

    /// The answer that is at hand, if there is one.
    pub(crate) fn answer(&self, request: &ServiceRequest, admission: &Admission) -> Option<HttpResponse> {
        let (request, payload) = request.parts();
        let at_hand = self.at_hand.as_ref().filter(|_| matches!(payload, Payload::None))?;
        at_hand(request, admission)
    }

    /// Whether the guard answers for a refusal itself.
    pub(crate) fn answers(&self, request: &HttpRequest, refusal: RejectionReason) -> bool {
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        self.policy.answers(refusal, || is_handshake(request.method().as_str(), header))
    }
}
