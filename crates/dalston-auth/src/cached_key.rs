//! The cache entry of a live key.

use crate::{
    freshness::{CacheEpoch, MonotonicNanos},
    usage_counters::UsageCounters,
};
use dalston_model::{Key, KeyId, RateLimit, ScopeSet, TenantId, Timestamp};
use std::fmt;

/// Stands for a key that never expires, because an `Option` would take twice the space.
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// The cache entry of a live key.
///
/// It holds only what the gate decides by, so that a million entries stay small. Names and other attributes are read
/// from the store where they are shown.
pub struct CachedKey {
    /// The id of the key.
    pub id: KeyId,
    /// The tenant that the key belongs to.
    pub tenant: TenantId,
    /// The scopes that the key grants in this deployment.
    pub scopes: ScopeSet,
    /// Requests per minute; `None` is no limit.
    pub rate_limit: Option<RateLimit>,
    /// When the key expires; the maximum value is never.
    expires: Timestamp,
    /// The changes that this node knew of when the key was read.
    pub(crate) generation: CacheEpoch,
    /// The entry is not used from this time on, even if no change was reported.
    ///
    /// It is when the key or this secret of it expires. On a store that does not record all changes, it is no later
    /// than the freshness bound after the read.
    pub(crate) ends: MonotonicNanos,
    pub(crate) counters: UsageCounters,
}

impl CachedKey {
    /// Creates the entry of a key that is live until `ends`, and that grants these scopes.
    pub(crate) fn of(
        key: &Key,
        scopes: ScopeSet,
        tenant: TenantId,
        generation: CacheEpoch,
        ends: MonotonicNanos,
    ) -> Self {
        let (id, rate_limit) = (key.id, key.rate_limit);
        let expires = key.expires_at.unwrap_or(NEVER);
        Self { id, tenant, scopes, rate_limit, expires, generation, ends, counters: UsageCounters::default() }
    }

    /// Returns when the key expires; `None` is never.
    pub fn expires(&self) -> Option<Timestamp> {
        Some(self.expires).filter(|at| *at < NEVER)
    }
}

impl fmt::Debug for CachedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedKey").field("id", &self.id).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_million_of_them_are_small() {
        // Includes the two counters of an `Arc`. Sixteen bytes of it are the scopes: each of the deployment's own
        // scopes needs a bit.
        assert!(size_of::<CachedKey>() + 2 * size_of::<usize>() <= 144, "{}", size_of::<CachedKey>());
        assert_eq!(size_of::<Arc<CachedKey>>(), 8);
    }
}
