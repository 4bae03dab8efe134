//! A problem as a response of the `http` crate.

use ::http::{HeaderName, HeaderValue, Response, StatusCode};
use dalston_auth::{Product, Rejection, http};
use dalston_model::{ErrorCode, RequestId};
use std::{borrow::Cow, fmt};

/// An error response, which an axum handler may return as its error.
///
/// The [`ContextLayer`](crate::ContextLayer) adds the request id, and the realm and the problem type of the product.
#[derive(Debug, Clone)]
pub struct Problem(pub http::ProblemDetails);

impl Problem {
    /// Creates the problem of an error code. `detail` is the text for the client.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(http::ProblemDetails::new(code, detail))
    }

    /// Renders the response, with the realm and the problem type of the product. Without `request_id`, the body's
    /// `request_id` is null.
    pub fn response<B: From<String>>(&self, request_id: Option<&RequestId>, product: &Product) -> Response<B> {
        let answer = self.0.answer(request_id, product);
        let mut response = Response::new(answer.body.into());
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(&**name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

impl From<Rejection> for Problem {
    fn from(denied: Rejection) -> Self {
        Self(denied.into())
    }
}

impl From<http::ProblemDetails> for Problem {
    fn from(problem: http::ProblemDetails) -> Self {
        Self(problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Problem {}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.response(None, &Product::default());
        response.extensions_mut().insert(self);
        response
    }
}
