//! Errors as `application/problem+json` (RFC 9457), in the same form on every route of every server.

use super::{
    RATE_LIMIT,
    challenge::Challenge,
    rate_limit,
    status::{status_of, title_of},
};
use crate::{Product, Rejection, RejectionReason};
use dalston_model::{ErrorCode, RequestId};
use serde_json::{Value, json};
use std::{borrow::Cow, fmt};

/// Seconds after which a client may retry when the store is unavailable.
const ASK_AGAIN: &str = "1";

/// A header: its lower-case name and its value.
type ProblemHeader = (Cow<'static, str>, String);

/// An error response, independent of the HTTP server.
///
/// ```
/// use dalston_auth::{Rejection, Product, RejectionReason, http::ProblemDetails};
///
/// let problem = ProblemDetails::from(Rejection::from(RejectionReason::InvalidCredential));
/// let answer = problem.answer(None, &Product::named("notes")?);
/// assert_eq!(answer.status, 401);
/// assert_eq!(answer.headers[0].1, "Bearer realm=\"notes\", error=\"invalid_token\"");
/// assert!(answer.body.contains("urn:notes:problem:invalid_credential"));
/// # Ok::<(), dalston_auth::ProductError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProblemDetails(Box<ProblemParts>);

#[derive(Debug, Clone)]
struct ProblemParts {
    status: u16,
    code: ErrorCode,
    detail: Cow<'static, str>,
    errors: Value,
    result: Value,
    of_quota: bool,
    challenge: Option<Challenge>,
    headers: Vec<ProblemHeader>,
}

/// The response of a problem, which a server converts into its own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers in their order, `Content-Type` included. The server must omit a value that is not a valid header
    /// value.
    pub headers: Vec<ProblemHeader>,
    /// The body: JSON.
    pub body: String,
}

impl ProblemDetails {
    /// Creates the problem of an error code, with the status of the code. `detail` is the text for the client.
    ///
    /// [`ErrorCode::Unavailable`] adds `Retry-After: 1`.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let problem = Self(Box::new(ProblemParts {
            status: status_of(code),
            code,
            detail: detail.into(),
            errors: Value::Null,
            result: Value::Null,
            of_quota: false,
            challenge: None,
            headers: Vec::new(),
        }));
        if code == ErrorCode::Unavailable { problem.with_header("retry-after", ASK_AGAIN) } else { problem }
    }

    /// Creates the problem of a malformed request: status 400.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(ErrorCode::InvalidRequest, detail);
        problem.0.status = 400;
        problem
    }

    /// Returns the problem for a status that a framework produced without a problem body.
    pub fn of_status(status: u16) -> Self {
        match status {
            404 => Self::new(ErrorCode::NotFound, "No such route"),
            405 => Self::new(ErrorCode::MethodNotAllowed, "The route has no such method"),
            413 => Self::new(ErrorCode::TooLarge, "The body is too large"),
            408 => Self::new(ErrorCode::Timeout, "The body did not arrive in time"),
            415 => Self::new(ErrorCode::UnsupportedMedia, "The media type is not taken"),
            503 => Self::new(ErrorCode::Unavailable, "The gateway is not available"),
            400..500 => Self::malformed("The request is not well-formed"),
            _ => Self::new(ErrorCode::Internal, "Internal error"),
        }
    }

    /// Returns whether an error response with this `Content-Type` keeps its body.
    ///
    /// Frameworks respond with plain text or an empty body, which a problem replaces. JSON was written by a handler,
    /// such as the readiness report.
    pub fn keeps(content_type: &[u8]) -> bool {
        content_type.starts_with(b"application/problem+json") || content_type.starts_with(b"application/json")
    }

    /// Adds the list of unacceptable fields (`errors`).
    #[must_use]
    pub fn with_errors(mut self, errors: Value) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds the results of the parts of the request (`result`).
    #[must_use]
    pub fn with_result(mut self, result: Value) -> Self {
        self.0.result = result;
        self
    }

    /// Adds a header. The name must be in lower case.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns the error code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Renders the response, with the realm and the problem type of the product.
    ///
    /// Without `request_id`, the body's `request_id` is null.
    pub fn answer(&self, request_id: Option<&RequestId>, product: &Product) -> ProblemAnswer {
        let ProblemParts { status, code, detail, errors, result, of_quota, challenge, headers } = &*self.0;
        let mut body = json!({
            "type": kind(*code, *of_quota, product),
            "title": title_of(*status),
            "status": status,
            "detail": detail,
            "code": code.as_str(),
            "request_id": request_id.map(RequestId::as_str),
        });
        if !errors.is_null() {
            body["errors"] = errors.clone();
        }
        if !result.is_null() {
            body["result"] = result.clone();
        }
        if *of_quota {
            body["violated-policies"] = json!(["key"]);
        }
        let challenge = challenge.map(|challenge| ("www-authenticate".into(), challenge.value(product.realm())));
        let content_type = ("content-type".into(), "application/problem+json".to_owned());
        let headers = challenge.into_iter().chain(headers.iter().cloned()).chain([content_type]).collect();
        ProblemAnswer { status: *status, headers, body: body.to_string() }
    }
}

/// Returns the URI of a code's problem type. The type of an exceeded quota is registered with IANA.
fn kind(code: ErrorCode, of_quota: bool, product: &Product) -> String {
    if of_quota {
        "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
    } else {
        format!("{}{code}", product.problem_type())
    }
}

/// Converts a rejection: credentials by RFC 6750 §3, rate limits by draft-ietf-httpapi-ratelimit-headers.
impl From<Rejection> for ProblemDetails {
    fn from(denied: Rejection) -> Self {
        let reason = denied.reason;
        let mut problem = Self::new(reason.code(), reason.detail());
        problem.0.challenge = Challenge::of(reason);
        match reason {
            RejectionReason::RateLimited(decision) => {
                problem = problem.with_header("retry-after", decision.resets_in.to_string());
                problem.0.of_quota = true;
            }
            RejectionReason::TooManyFailures { retry_after } => {
                problem = problem.with_header("retry-after", retry_after.to_string());
            }
            _ => {}
        }
        for (name, value) in
            denied.decision.iter().flat_map(|decision| RATE_LIMIT.into_iter().zip(rate_limit(decision)))
        {
            problem = problem.with_header(name, String::from_utf8_lossy(value.as_bytes()));
        }
        problem
    }
}

impl fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPrefix;
    use dalston_limit::RateLimitDecision;
    use dalston_model::{RateLimit, Scope};

    fn decision() -> RateLimitDecision {
        RateLimitDecision { admitted: false, limit: RateLimit::new(60).unwrap(), remaining: 0, resets_in: 7 }
    }

    /// Returns the headers of a rejection except its content type, one per line.
    fn headers(denied: Rejection) -> String {
        let answer = ProblemDetails::from(denied).answer(None, &Product::named("notes").unwrap());
        assert_eq!(answer.headers.last().map(|(name, _)| &**name), Some("content-type"));
        let headers = answer.headers.iter().rev().skip(1).rev();
        headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_refusal_has_its_headers() {
        for (reason, expected) in [
            (RejectionReason::MissingCredential(KeyPrefix::default()), "www-authenticate: Bearer realm=\"notes\""),
            (RejectionReason::InvalidCredential, "www-authenticate: Bearer realm=\"notes\", error=\"invalid_token\""),
            (
                RejectionReason::AmbiguousCredential,
                "www-authenticate: Bearer realm=\"notes\", error=\"invalid_request\"",
            ),
            (
                RejectionReason::InsufficientScope(Scope::JobsWrite),
                "www-authenticate: Bearer realm=\"notes\", error=\"insufficient_scope\", scope=\"jobs:write\"",
            ),
            (
                RejectionReason::RateLimited(decision()),
                "retry-after: 7\nratelimit-policy: \"key\";q=60;w=60\nratelimit: \"key\";r=0;t=7",
            ),
            (RejectionReason::TooManyFailures { retry_after: 3 }, "retry-after: 3"),
            (RejectionReason::UnknownTenant, ""),
            (RejectionReason::Unavailable, "retry-after: 1"),
            (RejectionReason::Uncounted, "retry-after: 1"),
        ] {
            assert_eq!(headers(reason.into()), expected, "{reason:?}");
        }
        // A rejected request of a key with a rate limit.
        let denied = Rejection { reason: RejectionReason::UnknownTenant, decision: Some(decision()) };
        assert_eq!(headers(denied), "ratelimit-policy: \"key\";q=60;w=60\nratelimit: \"key\";r=0;t=7");
    }

    #[test]
    fn the_body_names_the_product_and_the_request() {
        let product = Product::named("notes").unwrap();
        let id = "abc".parse().unwrap();
        let body =
            |problem: ProblemDetails| serde_json::from_str::<Value>(&problem.answer(Some(&id), &product).body).unwrap();
        let known = ProblemDetails::malformed("no").with_errors(json!([1])).with_result(json!(2));
        assert_eq!(
            body(known),
            json!({
                "type": "urn:notes:problem:invalid_request", "title": "Bad Request", "status": 400, "detail": "no",
                "code": "invalid_request", "request_id": "abc", "errors": [1], "result": 2,
            })
        );
        let of_quota = body(Rejection::from(RejectionReason::RateLimited(decision())).into());
        assert_eq!(of_quota["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
        assert_eq!(of_quota["violated-policies"], json!(["key"]));
    }

    #[test]
    fn a_bare_status_becomes_a_problem() {
        for (bare, told) in
            [(404, 404), (405, 405), (400, 400), (414, 400), (431, 400), (500, 500), (599, 500), (302, 500)]
        {
            assert_eq!(ProblemDetails::of_status(bare).status(), told, "{bare}");
        }
    }
}
