//! Refusals as `application/problem+json` (RFC 9457): one shape on every route.

use crate::names::{LIMIT_POLICY, LIMIT_STATE};
use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use dalston_auth::{Denied, Product, Refusal};
use dalston_limit::Verdict;
use dalston_model::{ErrorCode, RequestId, Scope};
use serde_json::{Value, json};
use std::{borrow::Cow, fmt};

/// Seconds after which a client may ask an unavailable store again.
const ASK_AGAIN: &str = "1";

/// A refusal or a fault, as HTTP tells it.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: ErrorCode,
    detail: Cow<'static, str>,
    errors: Value,
    result: Value,
    of_quota: bool,
    challenge: Option<Challenge>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a client is challenged with (RFC 6750 §3): the parameters behind the realm.
#[derive(Debug, Clone, Copy)]
enum Challenge {
    Bare,
    InvalidToken,
    InvalidRequest,
    InsufficientScope(Scope),
}

impl Challenge {
    fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::MissingCredential(_) => Some(Self::Bare),
            Refusal::InvalidCredential => Some(Self::InvalidToken),
            Refusal::AmbiguousCredential => Some(Self::InvalidRequest),
            Refusal::InsufficientScope(scope) => Some(Self::InsufficientScope(scope)),
            Refusal::RateLimited(_)
            | Refusal::TooManyFailures { .. }
            | Refusal::UnknownTenant
            | Refusal::Unavailable
            | Refusal::Uncounted => None,
        }
    }

    fn value(self, realm: &str) -> String {
        let bearer = format!("Bearer realm=\"{realm}\"");
        match self {
            Self::Bare => bearer,
            Self::InvalidToken => format!("{bearer}, error=\"invalid_token\""),
            Self::InvalidRequest => format!("{bearer}, error=\"invalid_request\""),
            Self::InsufficientScope(scope) => format!("{bearer}, error=\"insufficient_scope\", scope=\"{scope}\""),
        }
    }
}

/// The status of each code: the one place where HTTP learns what they mean.
pub const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::MissingCredential | ErrorCode::InvalidCredential => StatusCode::UNAUTHORIZED,
        ErrorCode::AmbiguousCredential => StatusCode::BAD_REQUEST,
        ErrorCode::InsufficientScope | ErrorCode::OriginNotAllowed => StatusCode::FORBIDDEN,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::InvalidRequest => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        ErrorCode::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        ErrorCode::Undelivered => StatusCode::BAD_GATEWAY,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

impl Problem {
    /// The problem of a code, with what the client reads.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let (status, detail) = (status_of(code), detail.into());
        let problem = Self(Box::new(Parts {
            status,
            code,
            detail,
            errors: Value::Null,
            result: Value::Null,
            of_quota: false,
            challenge: None,
            headers: Vec::new(),
        }));
        if code == ErrorCode::Unavailable { problem.with_header(header::RETRY_AFTER, ASK_AGAIN) } else { problem }
    }

    /// A request that is not well-formed: 400.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(ErrorCode::InvalidRequest, detail);
        problem.0.status = StatusCode::BAD_REQUEST;
        problem
    }

    /// With the fields that are not acceptable.
    #[must_use]
    pub fn with_errors(mut self, errors: Value) -> Self {
        self.0.errors = errors;
        self
    }

    /// With what came of the parts of the request.
    #[must_use]
    pub fn with_result(mut self, result: Value) -> Self {
        self.0.result = result;
        self
    }

    /// With another header, unless its value can be none.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        self.0.headers.extend(value.try_into().ok().map(|value| (name, value)));
        self
    }

    /// What a bare status of the framework means.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(ErrorCode::NotFound, "No such route"),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(ErrorCode::MethodNotAllowed, "The route has no such method"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ErrorCode::TooLarge, "The body is too large"),
            StatusCode::REQUEST_TIMEOUT => Self::new(ErrorCode::Timeout, "The body did not arrive in time"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(ErrorCode::UnsupportedMedia, "The media type is not taken"),
            StatusCode::SERVICE_UNAVAILABLE => Self::new(ErrorCode::Unavailable, "The gateway is not available"),
            status if status.is_client_error() => Self::malformed("The request is not well-formed"),
            _ => Self::new(ErrorCode::Internal, "Internal error"),
        }
    }

    /// The response, which names the request, in the names of the product.
    pub fn respond(&self, request_id: &RequestId, product: &Product) -> HttpResponse {
        self.response(Some(request_id), product)
    }

    fn response(&self, request_id: Option<&RequestId>, product: &Product) -> HttpResponse {
        let Parts { status, code, detail, errors, result, of_quota, challenge, headers } = &*self.0;
        let mut body = json!({
            "type": kind(*code, *of_quota, product),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
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
        let mut response = HttpResponseBuilder::new(*status);
        if let Some(challenge) = challenge {
            response.append_header((header::WWW_AUTHENTICATE, challenge.value(product.realm())));
        }
        for (name, value) in headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.content_type("application/problem+json").body(body.to_string())
    }
}

/// The URI of a code's problem type; that of a used-up quota is registered with IANA.
fn kind(code: ErrorCode, of_quota: bool, product: &Product) -> String {
    if of_quota {
        "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
    } else {
        format!("{}{code}", product.problem_type())
    }
}

/// RFC 6750 §3 for credentials, draft-ietf-httpapi-ratelimit-headers for limits.
impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let refusal = denied.refusal;
        let mut problem = Self::new(refusal.code(), refusal.detail());
        problem.0.challenge = Challenge::of(refusal);
        match refusal {
            Refusal::RateLimited(verdict) => {
                problem = problem.with_header(header::RETRY_AFTER, verdict.resets_in.to_string());
                problem.0.of_quota = true;
            }
            Refusal::TooManyFailures { retry_after } => {
                problem = problem.with_header(header::RETRY_AFTER, retry_after.to_string());
            }
            _ => {}
        }
        for (name, value) in denied.verdict.iter().flat_map(limit_headers) {
            problem = problem.with_header(name, value);
        }
        problem
    }
}

/// The headers of a limited key's answer.
pub(crate) fn limit_headers(verdict: &Verdict) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let values = [(&LIMIT_POLICY, verdict.policy()), (&LIMIT_STATE, verdict.state())];
    values.into_iter().filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_bytes(value.as_bytes()).ok()?)))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// Without the id of the request and the names of the product, which the `Envelope` adds.
    fn error_response(&self) -> HttpResponse {
        self.response(None, &Product::default())
    }
}
