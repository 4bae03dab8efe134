//! What a guarded handler takes.

use crate::{Problem, visit::Visit};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use dalston_auth::{Denied, Entry, Permit};
use dalston_model::ErrorCode;
use std::future::{Ready, ready};

/// The proof that the caller may do what the route needs.
#[derive(Debug, Clone)]
pub struct Permitted(pub Permit);

/// How the gate decided, for a route that delivers refusals in its own way (`Door::Stream`).
#[derive(Debug, Clone)]
pub struct Entered(pub Result<Permit, Denied>);

impl FromRequest for Permitted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let entered = decision(request).and_then(|decision| decision.map_err(Problem::from));
        ready(entered.map(|entry| Self(entry.permit)))
    }
}

impl FromRequest for Entered {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(decision(request).map(|decision| Self(decision.map(|entry| entry.permit))))
    }
}

/// A handler without a guard is a fault of ours, never an open door.
fn decision(request: &HttpRequest) -> Result<Result<Entry, Denied>, Problem> {
    request.extensions().get::<Visit>().and_then(|visit| visit.decision.clone()).ok_or_else(|| {
        tracing::error!("a handler that needs a permit stands behind no guard");
        Problem::new(ErrorCode::Internal, "Internal error")
    })
}
