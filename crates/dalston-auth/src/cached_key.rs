//! What the gate keeps of a live key.

use crate::{
    freshness::{CacheEpoch, MonotonicNanos},
    usage_counters::UsageCounters,
};
use dalston_model::{Key, KeyId, RateLimit, ScopeSet, TenantId, Timestamp};
use std::fmt;

/// An `Option` would take twice the room.
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// The holder of a live key: what is decided by, and nothing else, so that a million of them are small. What the key is
/// called and the like is asked of the store by whoever shows it.
pub struct CachedKey {
    /// The key's id.
    pub id: KeyId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Requests per minute; `None` is no limit.
    pub rate_limit: Option<RateLimit>,
    /// When the key expires; the last moment of all is never.
    expires: Timestamp,
    /// What had been heard of changes when it was read.
    pub(crate) generation: CacheEpoch,
    /// Not after this, whatever is heard: the key or this secret of it ends.
    pub(crate) ends: MonotonicNanos,
    pub(crate) tally: UsageCounters,
}

impl CachedKey {
    /// Of a key that was found to be live until `ends`, and that may do what these scopes allow.
    pub(crate) fn of(
        key: &Key,
        scopes: ScopeSet,
        tenant: TenantId,
        generation: CacheEpoch,
        ends: MonotonicNanos,
    ) -> Self {
        let (id, rate_limit) = (key.id, key.rate_limit);
        let expires = key.expires_at.unwrap_or(NEVER);
        Self { id, tenant, scopes, rate_limit, expires, generation, ends, tally: UsageCounters::default() }
    }

    /// When the key expires; `None` is never.
    pub fn expires(&self) -> Option<Timestamp> {
        Some(self.expires).filter(|at| *at < NEVER)
    }
}

impl fmt::Debug for CachedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("id", &self.id).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_million_of_them_are_small() {
        // With the two counts of an `Arc`. Sixteen bytes of it are the scopes: those of the deployment's own need a bit each.
        assert!(size_of::<CachedKey>() + 2 * size_of::<usize>() <= 144, "{}", size_of::<CachedKey>());
        assert_eq!(size_of::<Arc<CachedKey>>(), 8);
    }
}
