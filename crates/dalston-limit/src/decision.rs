//! Result of a rate limit check, and its response headers.

use crate::HeaderBuf;
use dalston_model::RateLimit;
use dalston_store::Acquired;
use std::time::Duration;

/// Whether a request is within the rate limit, and what remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitDecision {
    /// Whether the request is admitted.
    pub admitted: bool,
    /// The limit that was applied.
    pub limit: RateLimit,
    /// The number of further requests that would be admitted now.
    pub remaining: u32,
    /// Seconds until there is more room, rounded up: the `Retry-After` of a refused request.
    pub resets_in: u64,
}

impl RateLimitDecision {
    /// The decision for the result `taken` under `limit`.
    pub fn new(taken: Acquired, limit: RateLimit) -> Self {
        Self {
            admitted: taken.admitted,
            limit,
            remaining: limit.get().saturating_sub(taken.used),
            resets_in: ceil_seconds(taken.frees_in),
        }
    }

    /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    pub fn policy(&self) -> HeaderBuf {
        HeaderBuf::default()
            .text("\"key\";q=")
            .number(self.limit.get().into())
            .text(";w=")
            .number(RateLimit::WINDOW_SECONDS.into())
    }

    /// The value of `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub fn state(&self) -> HeaderBuf {
        HeaderBuf::default().text("\"key\";r=").number(self.remaining.into()).text(";t=").number(self.resets_in)
    }
}

fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_limit_what_is_left_and_when_there_is_more() {
        let taken = Acquired { admitted: true, used: 1, frees_in: Duration::from_millis(60_100) };
        let verdict = RateLimitDecision::new(taken, RateLimit::new(60).unwrap());
        assert_eq!(verdict.policy().as_bytes(), br#""key";q=60;w=60"#);
        assert_eq!(verdict.state().as_bytes(), br#""key";r=59;t=61"#);
    }

    #[test]
    fn nothing_is_left_under_a_lowered_limit() {
        let taken = Acquired { admitted: false, used: 50, frees_in: Duration::from_secs(3) };
        assert_eq!(RateLimitDecision::new(taken, RateLimit::new(10).unwrap()).remaining, 0);
    }
}
