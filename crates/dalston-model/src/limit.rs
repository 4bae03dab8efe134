//! Rate limit in requests per minute.

use std::{fmt, num::NonZeroU32};
use thiserror::Error;

/// The maximum number of requests in any 60-second window: 1 to 1,000,000. Unlimited is `Option::None`, never a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateLimit(NonZeroU32);

/// The number is not from 1 to 1,000,000.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("must be an integer from 1 to 1000000, or null for no limit")]
pub struct RateLimitError;

impl RateLimit {
    /// The highest limit, as a number.
    pub const MAX: u32 = 1_000_000;
    /// The highest limit.
    pub const GREATEST: Self = match NonZeroU32::new(Self::MAX) {
        Some(most) => Self(most),
        None => Self(NonZeroU32::MIN),
    };
    /// The length of the window in seconds.
    pub const WINDOW_SECONDS: u32 = 60;

    /// The limit of `per_minute` requests.
    pub fn new(per_minute: u32) -> Result<Self, RateLimitError> {
        match NonZeroU32::new(per_minute) {
            Some(limit) if per_minute <= Self::MAX => Ok(Self(limit)),
            _ => Err(RateLimitError),
        }
    }

    /// Requests per minute.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/min", self.0)
    }
}

impl TryFrom<u32> for RateLimit {
    type Error = RateLimitError;

    fn try_from(per_minute: u32) -> Result<Self, RateLimitError> {
        Self::new(per_minute)
    }
}

impl serde::Serialize for RateLimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.get())
    }
}

impl<'de> serde::Deserialize<'de> for RateLimit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_to_a_million() {
        assert!(RateLimit::new(0).is_err());
        assert!(RateLimit::new(1_000_001).is_err());
        assert_eq!(RateLimit::new(60).unwrap().to_string(), "60/min");
        for wrong in ["0", "-1", "1.5", "1e3", "4294967296", "true", "\"60\""] {
            assert!(serde_json::from_str::<RateLimit>(wrong).is_err(), "{wrong}");
        }
    }
}
