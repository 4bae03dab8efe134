//! The headers of a rate limit (draft-ietf-httpapi-ratelimit-headers).

use dalston_limit::{HeaderBuf, RateLimitDecision};

/// Their names, in lower case: the policy, and what is left of it.
pub const RATE_LIMIT: [&str; 2] = ["ratelimit-policy", "ratelimit"];

/// Their values, in the order of [`RATE_LIMIT`]. Allocates nothing.
pub fn rate_limit(verdict: &RateLimitDecision) -> [HeaderBuf; 2] {
    [verdict.policy(), verdict.state()]
}
