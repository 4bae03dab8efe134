//! A problem as an actix response.

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

/// An error response, which a handler may return as its error.
#[derive(Debug, Clone)]
pub struct Problem(http::ProblemDetails);

impl Problem {
    /// Creates the problem of an error code. `detail` is the text for the client.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(http::ProblemDetails::new(code, detail))
    }

    /// Creates the problem of a malformed request: status 400.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self(http::ProblemDetails::malformed(detail))
    }

    /// Adds the list of unacceptable fields (`errors`).
    #[must_use]
    pub fn with_errors(self, errors: Value) -> Self {
        Self(self.0.with_errors(errors))
    }

    /// Adds the results of the parts of the request (`result`).
    #[must_use]
    pub fn with_result(self, result: Value) -> Self {
        Self(self.0.with_result(result))
    }

    /// Adds a header. It is omitted if the value is not a valid header value.
    #[must_use]
    pub fn with_header(self, name: &HeaderName, value: impl Into<String>) -> Self {
        Self(self.0.with_header(name.as_str().to_owned(), value))
    }

    /// Returns the problem for a status that actix produced without a problem body.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self(http::ProblemDetails::of_status(status.as_u16()))
    }

    /// Renders the response with the request id, and with the realm and the problem type of the product.
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

    /// Renders the response without the request id and with the default product. The `ContextMiddleware` renders it
    /// again with both.
    fn error_response(&self) -> HttpResponse {
        response(self.0.answer(None, &Product::default()))
    }
}
