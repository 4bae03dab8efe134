//! How a key is used: counted beside its record, never in it.

use crate::{KeyId, NodeId, Timestamp};
use std::{fmt, net::IpAddr, time::Duration};

/// A day in UTC: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day of a moment.
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

    /// The day so many days before.
    #[must_use]
    pub const fn back(self, days: i32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// `2026-11-22`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Timestamp::from_secs(i64::from(self.0) * 86_400).to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

/// Requests of a key that were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct RefusedRequests {
    /// No room in the minute.
    pub rate_limited: u64,
    /// Not the right scope.
    pub insufficient_scope: u64,
}

/// What is known of a key's use. Up to a second behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Requests admitted since it was made.
    pub usage_count: u64,
    /// When it was last admitted.
    pub last_used_at: Option<Timestamp>,
    /// From where.
    pub last_used_from: Option<IpAddr>,
    /// Requests refused since it was made.
    pub refused: RefusedRequests,
    /// Requests admitted per day, newest first.
    pub days: Vec<(Day, u64)>,
}

/// What one node counted of one key on one day, to be added to what the store has.
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
    /// The last admission, and from where. The store keeps the latest.
    pub last_used: Option<(Timestamp, Option<IpAddr>)>,
}

/// The idempotency number of a batch of counts. A node writes its steps one after another, each under a higher number
/// than the one before, so the last number is all that a store needs to remember of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageStep {
    /// Who counted.
    pub node: NodeId,
    /// The number, from 1 on.
    pub number: u64,
}

impl UsageStep {
    /// A store forgets a node that wrote nothing for so long.
    pub const KEPT: Duration = Duration::from_hours(30 * 24);
}
