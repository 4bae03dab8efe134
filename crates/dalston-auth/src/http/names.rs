//! Header names that no HTTP library has a constant for, in lower case.

/// The id of the request.
pub const REQUEST_ID: &str = "x-request-id";
/// The addresses of the clients of each proxy on the way.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// The scheme that the client used.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
