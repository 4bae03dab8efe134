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
