//! Extractors for handlers behind a [`Guard`](crate::Guard).

use crate::{Problem, request_state::RequestState};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use dalston_auth::{Admission, Permit, Rejection, Right};
use dalston_model::ErrorCode;
use std::future::{Ready, ready};

/// Extracts the proof that the caller is authorized for the right `R`.
///
/// A right that differs from the guard's requirement is checked here. Such a rejection is not counted with those of the
/// key.
#[derive(Debug, Clone)]
pub struct RequirePermit<R: Right>(pub Permit<R>);

/// Extracts the decision of the gate, for a route that delivers rejections itself
/// ([`Door::Stream`](dalston_model::Door::Stream)).
#[derive(Debug, Clone)]
pub struct AuthOutcome<R: Right>(pub Result<Permit<R>, Rejection>);

/// Extracts the admission, for a route whose right is known only at run time: an entry of a table of commands.
#[derive(Debug, Clone)]
pub struct RequireAdmission(pub Admission);

impl<R: Right> FromRequest for RequirePermit<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let permit = |decision: &Result<Admission, Rejection>| Ok(Self(permit(decision)?));
        ready(decision(request, permit))
    }
}

impl<R: Right> FromRequest for AuthOutcome<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(decision(request, |decision| Ok(Self(permit(decision)))))
    }
}

impl FromRequest for RequireAdmission {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(decision(request, |decision| Ok(Self(decision.clone()?))))
    }
}

fn permit<R: Right>(decision: &Result<Admission, Rejection>) -> Result<Permit<R>, Rejection> {
    Ok(decision.as_ref().map_err(|denied| *denied)?.permit()?)
}

/// Passes the decision of the guard to `take`. A handler without a guard is a bug: it responds with a 500, and never
/// admits the request.
fn decision<T>(
    request: &HttpRequest,
    take: impl FnOnce(&Result<Admission, Rejection>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let extensions = request.extensions();
    let decision = extensions.get::<RequestState>().and_then(|state| state.decision.as_ref()).ok_or_else(|| {
        tracing::error!(event = "handler.unguarded", "a handler that needs a permit has no guard in front");
        Problem::new(ErrorCode::Internal, "Internal error")
    })?;
    take(decision)
}
