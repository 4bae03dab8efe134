//! Usage counters of a key, stored separately from the key.

use crate::{KeyId, NodeId, Timestamp};
use std::{fmt, net::IpAddr, time::Duration};

/// A day in UTC, as the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day of a time.
    pub fn of(at: Timestamp) -> Self {
        Self(i32::try_from(at.as_secs().div_euclid(86_400)).unwrap_or(i32::MAX))
    }

    /// From days since 1970.
    pub const fn from_number(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The day `days` earlier.
    #[must_use]
    pub const fn back(self, days: i32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Formats as `2026-11-22`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Timestamp::from_secs(i64::from(self.0) * 86_400).to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

/// Refused requests of a key, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct RefusedRequests {
    /// The rate limit was exceeded.
    pub rate_limited: u64,
    /// The key lacked the required scope.
    pub insufficient_scope: u64,
}

/// The usage of a key, up to a second behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Requests admitted since the key was created.
    pub usage_count: u64,
    /// When the last request was admitted.
    pub last_used_at: Option<Timestamp>,
    /// The client's address of that request.
    pub last_used_from: Option<IpAddr>,
    /// Requests refused since the key was created.
    pub refused: RefusedRequests,
    /// Requests admitted per day, newest first.
    pub days: Vec<(Day, u64)>,
}

/// The counts of one node for one key on one day, to be added to the store's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDelta {
    /// The key.
    pub key: KeyId,
    /// The day.
    pub day: Day,
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused.
    pub refused: RefusedRequests,
    /// The time and client's address of the last admission. The store keeps the latest.
    pub last_used: Option<(Timestamp, Option<IpAddr>)>,
}

/// The idempotency key of a batch of counts. A node writes its batches one after another with increasing numbers, so a
/// store only needs to remember the last number of each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageStep {
    /// The node that counted.
    pub node: NodeId,
    /// The number, from 1 on.
    pub number: u64,
}

impl UsageStep {
    /// A store forgets a node after this time without a batch.
    pub const KEPT: Duration = Duration::from_hours(30 * 24);
}
