//! A problem as a response of actix.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use dalston_auth::{
    Product, Rejection,
    http::{self, ProblemAnswer},
};
use dalston_model::{ErrorCode, RequestId};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// A refusal or a fault, which a handler may return as its error.
#[derive(Debug, Clone)]
pub struct Problem(http::ProblemDetails);

impl Problem {
    /// The problem of a code, with what the client reads.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(http::ProblemDetails::new(code, detail))
    }

    /// A request that is not well-formed: 400.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self(http::ProblemDetails::malformed(detail))
    }

    /// With the fields that are not acceptable.
    #[must_use]
    pub fn with_errors(self, errors: Value) -> Self {
        Self(self.0.with_errors(errors))
    }

    /// With what came of the parts of the request.
    #[must_use]
    pub fn with_result(self, result: Value) -> Self {
        Self(self.0.with_result(result))
    }

    /// With another header, unless its value can be none.
    #[must_use]
    pub fn with_header(self, name: &HeaderName, value: impl Into<String>) -> Self {
        Self(self.0.with_header(name.as_str().to_owned(), value))
    }

    /// What a bare status of the framework means.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self(http::ProblemDetails::of_status(status.as_u16()))
    }

    /// The response, which names the request, in the names of the product.
    pub fn respond(&self, request_id: &RequestId, product: &Product) -> HttpResponse {
        response(self.0.answer(Some(request_id), product))
    }
}

fn response(answer: ProblemAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&**name), HeaderValue::try_from(value)) {
            response.append_header((name, value));
        }
    }
    response.body(answer.body)
}

impl From<Rejection> for Problem {
    fn from(denied: Rejection) -> Self {
        Self(denied.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Without the id of the request and the names of the product, which the `ContextMiddleware` adds.
    fn error_response(&self) -> HttpResponse {
        response(self.0.answer(None, &Product::default()))
    }
}
