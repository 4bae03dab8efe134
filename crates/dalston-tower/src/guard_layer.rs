//! The guard layer: authenticates and authorizes a request by its head, before the body is read.

use crate::{guard::Guard, guarded::GuardService};
use dalston_auth::{
    Gate, Requirement,
    http::{GuardPolicy, QueryKeys},
};
use dalston_model::Door;
use http::Method;
use std::sync::Arc;
use tower_layer::Layer;

/// The requirement of each method of a route. `None` makes a method public.
pub type MethodRequirements = Vec<(Method, Option<Requirement>)>;

/// A layer that authenticates and authorizes each request.
///
/// An admitted request reaches the inner service with its `Admission`. A rejected one is answered with a problem.
#[derive(Clone)]
pub struct GuardLayer(GuardPolicy<Method>);

impl GuardLayer {
    /// Creates a guard with the same requirement for every method.
    pub fn new(gate: Arc<Gate>, requirement: Requirement) -> Self {
        Self(GuardPolicy::new(gate, MethodRequirements::new(), requirement))
    }

    /// Creates a guard with a requirement for each method. Methods that are not listed require an authenticated caller.
    pub fn of_methods(gate: Arc<Gate>, requirements: MethodRequirements) -> Self {
        Self(GuardPolicy::new(gate, requirements, Requirement::Caller))
    }

    /// Sets where a key in the query is accepted.
    #[must_use]
    pub fn query_keys(self, query_keys: QueryKeys) -> Self {
        Self(self.0.query_keys(query_keys))
    }

    /// Sets the interface that the route belongs to.
    ///
    /// At [`Door::Stream`] the handler delivers rejections of a WebSocket handshake, because a browser does not expose
    /// the response of a rejected handshake to the page.
    #[must_use]
    pub fn door(self, door: Door) -> Self {
        Self(self.0.door(door))
    }

    /// Sets the route pattern, for the audit log of master key uses.
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
