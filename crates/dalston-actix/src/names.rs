//! The headers that have no name in the framework: made once, for a lookup by text makes the name each time.

use actix_web::http::header::HeaderName;
use dalston_auth::http;

/// The id of the request.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static(http::REQUEST_ID);
/// Who sent a request that a proxy passed on.
pub(crate) static FORWARDED_FOR: HeaderName = HeaderName::from_static(http::FORWARDED_FOR);
/// The limit of the key, and what is left of it.
pub(crate) static RATE_LIMIT: [HeaderName; 2] =
    [HeaderName::from_static(http::RATE_LIMIT[0]), HeaderName::from_static(http::RATE_LIMIT[1])];
