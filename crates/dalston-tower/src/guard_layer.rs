//! The gate in front of a service: decided from the head of a request, before its body is read.

use crate::{guard::Guard, guarded::GuardService};
use dalston_auth::{
    Gate, Requirement,
    http::{GuardPolicy, QueryKeys},
};
use dalston_model::Door;
use http::Method;
use std::sync::Arc;
use tower_layer::Layer;

/// What each method of a route needs; `None` asks nobody.
pub type MethodRequirements = Vec<(Method, Option<Requirement>)>;

/// Lets requests through to what it wraps, with an `Admission` in them, or answers for it.
#[derive(Clone)]
pub struct GuardLayer(GuardPolicy<Method>);

impl GuardLayer {
    /// The same need for every method.
    pub fn new(gate: Arc<Gate>, need: Requirement) -> Self {
        Self(GuardPolicy::new(gate, MethodRequirements::new(), need))
    }

    /// A need for each method; of methods that are not listed, any caller.
    pub fn of_methods(gate: Arc<Gate>, needs: MethodRequirements) -> Self {
        Self(GuardPolicy::new(gate, needs, Requirement::Caller))
    }

    /// Where a key in the query is taken.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self(self.0.query_keys(query_keys))
    }

    /// The door that the route is. At that of streams the handler delivers refusals, where the request is a WebSocket
    /// upgrade: a browser reads no refused handshake.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self(self.0.door(door))
    }

    /// The pattern of the route, for the record of the master key's uses.
    #[must_use]
    pub fn route(self, route: &'static str) -> Self {
        Self(self.0.route(route))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService::new(Guard(self.0.clone()), inner)
    }
}
