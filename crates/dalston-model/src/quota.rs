//! How much audio, and how many jobs and streams at once: limits of a key and of a tenant, and what was used of them.

use crate::{Day, KeyId, TenantId};
use std::fmt;

/// Whom a quota binds and a meter counts for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A tenant: all of its keys together, and who works in it without one.
    Tenant(TenantId),
    /// A key of a tenant.
    Key(TenantId, KeyId),
}

impl Subject {
    /// The tenant.
    pub const fn tenant(&self) -> &TenantId {
        match self {
            Self::Tenant(tenant) | Self::Key(tenant, _) => tenant,
        }
    }

    /// The key, when it is one.
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Tenant(_) => None,
            Self::Key(_, key) => Some(*key),
        }
    }
}

/// Limits; `None` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Quota {
    /// Seconds of audio a day (UTC), of jobs and streams together.
    pub seconds_per_day: Option<u32>,
    /// Jobs that have not ended, at once.
    pub concurrent_jobs: Option<u32>,
    /// Open streams, at once.
    pub concurrent_streams: Option<u32>,
}

/// Which limit was reached, whose, and how high it is. Nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Which.
    pub limit: Limited,
    /// Whether it is the key's own, and not the tenant's.
    pub of_key: bool,
    /// How high.
    pub most: u32,
}

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Seconds of audio a day.
    Seconds,
    /// Jobs at once.
    Jobs,
    /// Streams at once.
    Streams,
}

/// What the client reads.
impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, of_key, most } = *self;
        let whose = if of_key { "key" } else { "tenant" };
        match limit {
            Limited::Seconds => write!(f, "Audio limit of the {whose} exceeded ({most} s/day)"),
            Limited::Jobs => write!(f, "Limit of the {whose} exceeded ({most} jobs at once)"),
            Limited::Streams => write!(f, "Limit of the {whose} exceeded ({most} streams at once)"),
        }
    }
}

/// How much audio is to be reserved of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This many milliseconds, or none.
    Whole(u64),
    /// This many milliseconds at most: as many as are left.
    UpTo(u64),
    /// All that is left: of audio whose length is not known. Nothing where there is no limit.
    Rest,
}

impl Amount {
    /// The milliseconds that are granted when `left` are left of the day, `None` without a limit. Gives `None` when
    /// nothing is granted: nothing is left, or too little.
    pub fn granted(self, left: Option<u64>) -> Option<u64> {
        match (self, left) {
            (_, Some(0)) => None,
            (Self::Whole(ms) | Self::UpTo(ms), None) => Some(ms),
            (Self::Whole(ms), Some(left)) => (ms <= left).then_some(ms),
            (Self::UpTo(ms), Some(left)) => Some(ms.min(left)),
            (Self::Rest, left) => Some(left.unwrap_or_default()),
        }
    }

    /// The milliseconds that several limits grant together, each with what is left of it. `Err`: the first one that grants
    /// nothing.
    pub fn within<L>(self, limits: impl IntoIterator<Item = (L, u64)>) -> Result<u64, L> {
        let mut least = None;
        for (limit, left) in limits {
            if self.granted(Some(left)).is_none() {
                return Err(limit);
            }
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
        Ok(self.granted(least).unwrap_or_default())
    }
}

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metered {
    /// Audio of jobs.
    Jobs,
    /// Audio of streams.
    Streams,
}

/// Whose audio it is, and of which day: what is reserved and settled goes to the key and to its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The tenant.
    pub tenant: TenantId,
    /// The key, if one was used.
    pub key: Option<KeyId>,
    /// The day on which it was begun.
    pub day: Day,
    /// Of what.
    pub of: Metered,
}

/// Milliseconds of audio on one day. What is reserved counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeteredDay {
    /// The day.
    pub day: Day,
    /// Of jobs.
    pub jobs_ms: u64,
    /// Of streams.
    pub streams_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_asked_for_and_left() {
        for (amount, left, granted) in [
            (Amount::Whole(5), None, Some(5)),
            (Amount::Whole(5), Some(5), Some(5)),
            (Amount::Whole(5), Some(4), None),
            (Amount::Whole(0), Some(0), None),
            (Amount::UpTo(5), None, Some(5)),
            (Amount::UpTo(5), Some(4), Some(4)),
            (Amount::UpTo(5), Some(0), None),
            (Amount::Rest, None, Some(0)),
            (Amount::Rest, Some(4), Some(4)),
            (Amount::Rest, Some(0), None),
        ] {
            assert_eq!(amount.granted(left), granted, "{amount:?} of {left:?}");
        }
        assert_eq!(Amount::Rest.within([("key", 7), ("tenant", 4)]), Ok(4));
        assert_eq!(Amount::Whole(5).within([("key", 7), ("tenant", 4)]), Err("tenant"));
        assert_eq!(Amount::UpTo(5).within([("key", 0), ("tenant", 0)]), Err("key"));
        assert_eq!(Amount::Rest.within::<()>([]), Ok(0));
    }
}
