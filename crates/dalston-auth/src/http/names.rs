//! Header names that HTTP libraries define no constants for, in lower case.

/// The id of the request.
pub const REQUEST_ID: &str = "x-request-id";
/// The addresses of the client and of the proxies on the path, appended by each proxy.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// The scheme that the client used.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
