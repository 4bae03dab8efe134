//! What a guarded handler takes.

use crate::{Problem, request_state::RequestState};
use dalston_auth::{Admission, Permit, Rejection, Right, http::RequestInfo};
use dalston_model::ErrorCode;
use http::Extensions;

/// The proof that the caller may do what the handler does. A right other than the guard's is checked here, and its refusal
/// not counted with those of the key.
#[derive(Debug, Clone)]
pub struct RequirePermit<R: Right>(pub Permit<R>);

/// How the gate decided, for a route that delivers refusals in its own way ([`Door::Stream`](dalston_model::Door::Stream)).
#[derive(Debug, Clone)]
pub struct AuthOutcome<R: Right>(pub Result<Permit<R>, Rejection>);

/// The admission itself, for a route whose right is data: a row of a table of commands.
#[derive(Debug, Clone)]
pub struct RequireAdmission(pub Admission);

/// The id and the client's address of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext(pub RequestInfo);

impl<R: Right> RequirePermit<R> {
    /// Out of the extensions of a request behind a guard. Fails with the refusal, or with a 500 where no guard stands.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(permit(decision(extensions)?)?))
    }
}

impl<R: Right> AuthOutcome<R> {
    /// Out of the extensions of a request behind a guard. Fails with a 500 where no guard stands.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(permit(decision(extensions)?)))
    }
}

impl RequireAdmission {
    /// Out of the extensions of a request behind a guard. Fails with the refusal, or with a 500 where no guard stands.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(decision(extensions)?.clone()?))
    }
}

impl RequestContext {
    /// Out of the extensions of a request behind a [`ContextLayer`](crate::ContextLayer). Fails with a 500 where none is.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<RequestState>().map(|state| Self(state.info)).ok_or_else(|| {
            tracing::error!(
                event = "handler.without_context",
                "a handler that needs the request context has no context layer"
            );
            Problem::new(ErrorCode::Internal, "Internal error")
        })
    }
}

fn permit<R: Right>(decision: &Result<Admission, Rejection>) -> Result<Permit<R>, Rejection> {
    Ok(decision.as_ref().map_err(|denied| *denied)?.permit()?)
}

/// What the guard has decided. A handler without a guard is a fault of the app, never an open door.
fn decision(extensions: &Extensions) -> Result<&Result<Admission, Rejection>, Problem> {
    extensions.get::<RequestState>().and_then(|state| state.decision.as_ref()).ok_or_else(|| {
        tracing::error!(event = "handler.unguarded", "a handler that needs a permit has no guard in front");
        Problem::new(ErrorCode::Internal, "Internal error")
    })
}

#[cfg(feature = "axum")]
mod axum_extractors {
    use super::{AuthOutcome, Problem, RequestContext, RequireAdmission, RequirePermit, Right};
    use axum::extract::FromRequestParts;
    use http::request::Parts;

    impl<S: Send + Sync, R: Right> FromRequestParts<S> for RequirePermit<R> {
        type Rejection = Problem;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
            Self::of(&parts.extensions)
        }
    }

    impl<S: Send + Sync, R: Right> FromRequestParts<S> for AuthOutcome<R> {
        type Rejection = Problem;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
            Self::of(&parts.extensions)
        }
    }

    impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
        type Rejection = Problem;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
            Self::of(&parts.extensions)
        }
    }

    impl<S: Send + Sync> FromRequestParts<S> for RequireAdmission {
        type Rejection = Problem;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
            Self::of(&parts.extensions)
        }
    }
}
