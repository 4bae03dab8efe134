//! Extractors for handlers behind a [`GuardLayer`](crate::GuardLayer).

use crate::{Problem, request_state::RequestState};
use dalston_auth::{Admission, Permit, Rejection, Right, http::RequestInfo};
use dalston_model::ErrorCode;
use http::Extensions;

/// The proof that the caller is authorized for the right `R`.
///
/// A right that differs from the guard's requirement is checked here. Such a rejection is not counted with those of the
/// key.
#[derive(Debug, Clone)]
pub struct RequirePermit<R: Right>(pub Permit<R>);

/// The decision of the gate, for a route that delivers rejections itself
/// ([`Door::Stream`](dalston_model::Door::Stream)).
#[derive(Debug, Clone)]
pub struct AuthOutcome<R: Right>(pub Result<Permit<R>, Rejection>);

/// The admission, for a route whose right is known only at run time: an entry of a table of commands.
#[derive(Debug, Clone)]
pub struct RequireAdmission(pub Admission);

/// The id and the client's address of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext(pub RequestInfo);

impl<R: Right> RequirePermit<R> {
    /// Extracts the permit from the extensions of a request. Fails with the rejection, or with a 500 if there is no
    /// guard.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(permit(decision(extensions)?)?))
    }
}

impl<R: Right> AuthOutcome<R> {
    /// Extracts the decision from the extensions of a request. Fails with a 500 if there is no guard.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(permit(decision(extensions)?)))
    }
}

impl RequireAdmission {
    /// Extracts the admission from the extensions of a request. Fails with the rejection, or with a 500 if there is no
    /// guard.
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        Ok(Self(decision(extensions)?.clone()?))
    }
}

impl RequestContext {
    /// Extracts the context from the extensions of a request. Fails with a 500 if there is no
    /// [`ContextLayer`](crate::ContextLayer).
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

/// Returns the decision of the guard. A handler without a guard is a bug of the app: it responds with a 500, and never
/// admits the request.
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
