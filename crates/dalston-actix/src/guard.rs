//! The guard of a route: authenticates and authorizes a request by its head, before the body is read.

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

/// The requirement of each method of a route. `None` makes a method public.
pub type MethodRequirements = Vec<(Method, Option<Requirement>)>;

/// Returns the response to an admitted request without a body, if it is cached. The inner service is then not called.
pub type CachedResponse = Arc<dyn Fn(&HttpRequest, &Admission) -> Option<HttpResponse> + Send + Sync>;

/// Middleware that authenticates and authorizes each request.
///
/// An admitted request reaches the inner service with its `Admission`. A rejected one is answered with a problem.
#[derive(Clone)]
pub struct Guard {
    policy: GuardPolicy<Method>,
    cached_response: Option<CachedResponse>,
}

impl Guard {
    /// Creates a guard with the same requirement for every method.
    pub fn new(gate: Arc<Gate>, requirement: Requirement) -> Self {
        Self { policy: GuardPolicy::new(gate, MethodRequirements::new(), requirement), cached_response: None }
    }

    /// Creates a guard with a requirement for each method. Methods that are not listed require an authenticated caller.
    pub fn of_methods(gate: Arc<Gate>, requirements: MethodRequirements) -> Self {
        Self { policy: GuardPolicy::new(gate, requirements, Requirement::Caller), cached_response: None }
    }

    /// Sets where a key in the query is accepted.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self { policy: self.policy.query_keys(query_keys), ..self }
    }

    /// Sets the interface that the route belongs to.
    ///
    /// At [`Door::Stream`] the handler delivers rejections of a WebSocket handshake, because a browser does not expose
    /// the response of a rejected handshake to the page.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self { policy: self.policy.door(door), ..self }
    }

    /// Sets the route pattern, for the audit log of master key uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self { policy: self.policy.route(route), ..self }
    }

    /// Sets the function that returns cached responses.
    #[must_use]
    pub fn cached_response(self, cached_response: CachedResponse) -> Self {
        Self { cached_response: Some(cached_response), ..self }
    }

    /// Returns the gate.
    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        self.policy.gate()
    }

    /// Returns the requirement of the method; `None` if it is public.
    pub(crate) fn requirement(&self, method: &Method) -> Option<Requirement> {
        self.policy.requirement(method)
    }

    /// Authenticates and authorizes the request.
    pub(crate) fn enter(&self, request: &HttpRequest, info: &RequestInfo, requirement: Requirement) -> GateStep {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.policy.authenticate(request.method(), request.query_string(), headers, info, requirement)
    }

    /// Returns the cached response, if there is one and the request has no body.
    pub(crate) fn answer(&self, request: &ServiceRequest, admission: &Admission) -> Option<HttpResponse> {
        let (request, payload) = request.parts();
        let cached_response = self.cached_response.as_ref().filter(|_| matches!(payload, Payload::None))?;
        cached_response(request, admission)
    }

    /// Returns whether the guard itself answers a rejection.
    pub(crate) fn answers(&self, request: &HttpRequest, reason: RejectionReason) -> bool {
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        self.policy.answers(reason, || is_handshake(request.method().as_str(), header))
    }
}
