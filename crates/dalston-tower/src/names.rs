//! Header names that `http` has no constants for.

use ::http::HeaderName;
use dalston_auth::http;

/// The id of the request.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static(http::REQUEST_ID);
/// The addresses of the client and of the proxies on the path.
pub(crate) static FORWARDED_FOR: HeaderName = HeaderName::from_static(http::FORWARDED_FOR);
/// The rate limit of the key, and what remains of it.
pub(crate) static RATE_LIMIT: [HeaderName; 2] =
    [HeaderName::from_static(http::RATE_LIMIT[0]), HeaderName::from_static(http::RATE_LIMIT[1])];
