//! The rate limit headers (draft-ietf-httpapi-ratelimit-headers).

use dalston_limit::{HeaderBuf, RateLimitDecision};

/// The names of the headers, in lower case: the policy, and the remaining quota.
pub const RATE_LIMIT: [&str; 2] = ["ratelimit-policy", "ratelimit"];

/// Returns the values of the headers, in the order of [`RATE_LIMIT`]. Does not allocate.
pub fn rate_limit(decision: &RateLimitDecision) -> [HeaderBuf; 2] {
    [decision.policy(), decision.state()]
}
