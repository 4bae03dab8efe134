//! The headers that have no name in the framework: made once, for a lookup by text makes the name each time.

use actix_web::http::header::HeaderName;

/// The id of the request.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Who sent a request that a proxy passed on.
pub(crate) static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme of such a request.
pub(crate) static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The limit of the key.
pub(crate) static LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
pub(crate) static LIMIT_STATE: HeaderName = HeaderName::from_static("ratelimit");
