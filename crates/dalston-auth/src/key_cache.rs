//! An in-memory cache of live keys: the store is read once per key, not once per request.

use crate::{
    CachedKey,
    freshness::{Freshness, MonotonicNanos, ReadStamp},
    sharded_counter::ShardedCounter,
    single_flight::SingleFlight,
};
use dalston_model::{Key, KeyDigest, KeyState, KnownScopes, SharedClock, TenantId};
use dalston_store::{FoundKey, KeyLookup, StoreResult};
use futures_util::{FutureExt, future::BoxFuture};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long an unknown secret is cached at most. Any change of a key invalidates it earlier.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Maximum number of cached unknown secrets (CACHE-02).
const UNKNOWN: usize = 10_000;
/// Maximum number of interned tenant names. All keys of a tenant share one.
const TENANTS: usize = 10_000;

/// Configuration of the key cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCacheConfig {
    /// Maximum number of live keys. Entries that were not used recently are evicted first.
    pub keys: usize,
    /// The freshness bound: a cached key is used only if the node knows all changes up to this long ago
    /// (`DALSTON_FRESHNESS`).
    pub freshness: Duration,
    /// Whether a cached key may be used for up to twice the freshness bound while the store is unavailable.
    pub stale: bool,
}

impl Default for KeyCacheConfig {
    fn default() -> Self {
        Self { keys: 1_000_000, freshness: Duration::from_secs(1), stale: false }
    }
}

/// Statistics of the key cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyCacheStats {
    /// The number of live keys in the cache.
    pub keys: usize,
    /// Lookups that were answered from the cache since the start.
    pub hits: u64,
    /// Lookups that had to ask the store since the start.
    pub misses: u64,
    /// How long ago the last successful read of the change feed began; `None` before the first one.
    pub age: Option<Duration>,
}

/// Caches live keys by the digest of their secret.
pub(crate) struct KeyCache {
    store: Arc<dyn KeyLookup>,
    clock: SharedClock,
    scopes: Arc<KnownScopes>,
    freshness: Freshness,
    known: Cache<KeyDigest, Arc<CachedKey>>,
    unknown: Cache<KeyDigest, ReadStamp>,
    single_flight: SingleFlight<StoreResult<ReadResult>>,
    tenants: Mutex<HashSet<TenantId>>,
    /// Orders lookups and reads. A clock may return the same time twice.
    turns: AtomicU64,
    stale: bool,
    hits: ShardedCounter,
    misses: AtomicU64,
}

/// The result of a read of the store.
#[derive(Clone)]
struct ReadResult {
    read_seq: u64,
    began: ReadStamp,
    /// `None` if the secret is unknown, or if its key is revoked, expired or disabled.
    cached_key: Option<Arc<CachedKey>>,
}

impl KeyCache {
    pub(crate) fn new(
        store: Arc<dyn KeyLookup>,
        clock: SharedClock,
        scopes: Arc<KnownScopes>,
        memory: KeyCacheConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            scopes,
            freshness: Freshness::new(memory.freshness),
            known: bounded(memory.keys),
            unknown: Cache::new(UNKNOWN),
            single_flight: SingleFlight::new(),
            tenants: Mutex::default(),
            turns: AtomicU64::new(1),
            stale: memory.stale,
            hits: ShardedCounter::default(),
            misses: AtomicU64::new(0),
        })
    }

    /// Returns what this node knows of changes.
    pub(crate) const fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Returns the cached key of the digest, if the cache may answer at `now`, on the monotonic clock.
    pub(crate) fn get(&self, digest: &KeyDigest, now: Duration) -> Option<Arc<CachedKey>> {
        let now = MonotonicNanos::of(now);
        if !self.freshness.is_fresh(now, 1) {
            return None;
        }
        let cached_key = self.known.get(digest).filter(|cached_key| self.holds(cached_key, now))?;
        self.hits.add_one();
        Some(cached_key)
    }

    /// Returns the live key of the digest, asking the store; `None` if there is none.
    pub(crate) async fn find(self: &Arc<Self>, digest: &KeyDigest) -> StoreResult<Option<Arc<CachedKey>>> {
        let (arrived, now) = (self.read_seq(), self.now());
        let is_fresh = self.freshness.is_fresh(now, 1);
        if is_fresh && self.unknown.get(digest).is_some_and(|reading| self.is_still_unknown(reading, now)) {
            return Ok(None);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let held = self.known.get(digest);
        // While the cache is fresh, the lookup may join a read that is in flight. If a change arrived since that read
        // began, the lookup reads again. Otherwise the read must begin after this lookup.
        let since = if is_fresh { 0 } else { arrived };
        let landed = match self.read(digest, since).await {
            Ok(landed) if landed.read_seq < arrived && !self.is_current(&landed) => self.read(digest, arrived).await,
            landed => landed,
        };
        landed.map(|landed| landed.cached_key).or_else(|error| {
            match held.filter(|cached_key| self.may_be_stale(cached_key)) {
                Some(cached_key) => Ok(Some(cached_key)),
                None => Err(error),
            }
        })
    }

    /// Returns an entry for a live key that was found by its id instead of its secret. It is not cached.
    pub(crate) fn uncached(&self, key: &Key) -> Arc<CachedKey> {
        let began = self.freshness.begin(self.now());
        let scopes = self.scopes.set(&key.scopes);
        Arc::new(CachedKey::of(key, scopes, key.tenant.clone(), began.generation, began.at))
    }

    /// Returns the statistics.
    pub(crate) fn figures(&self) -> KeyCacheStats {
        KeyCacheStats {
            keys: self.known.len(),
            hits: self.hits.sum(),
            misses: self.misses.load(Ordering::Relaxed),
            age: self.freshness.age(self.now()),
        }
    }

    fn now(&self) -> MonotonicNanos {
        MonotonicNanos::of(self.clock.monotonic())
    }

    fn holds(&self, cached_key: &CachedKey, now: MonotonicNanos) -> bool {
        now < cached_key.ends && self.freshness.holds(cached_key.generation, cached_key.id)
    }

    fn is_current(&self, landed: &ReadResult) -> bool {
        match &landed.cached_key {
            Some(cached_key) => self.holds(cached_key, self.now()),
            None => self.freshness.is_last(landed.began.generation),
        }
    }

    fn is_still_unknown(&self, reading: ReadStamp, now: MonotonicNanos) -> bool {
        self.freshness.is_last(reading.generation) && now.since(reading.at) < UNKNOWN_FOR
    }

    /// While the store is unavailable, an entry may be as old as twice the freshness bound, unless it is known to be
    /// outdated.
    fn may_be_stale(&self, cached_key: &CachedKey) -> bool {
        let now = self.now();
        self.stale && self.freshness.is_fresh(now, 2) && self.holds(cached_key, now)
    }

    fn read_seq(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }

    async fn read(self: &Arc<Self>, digest: &KeyDigest, since: u64) -> StoreResult<ReadResult> {
        let read_seq = self.read_seq();
        let start_read = || self.clone().start_read(*digest, read_seq, self.freshness.begin(self.now()));
        self.single_flight.join(*digest, since, read_seq, start_read).await
    }

    fn start_read(
        self: Arc<Self>,
        digest: KeyDigest,
        read_seq: u64,
        began: ReadStamp,
    ) -> BoxFuture<'static, StoreResult<ReadResult>> {
        async move {
            let found = self.store.find_key(&digest).await.inspect_err(|error| {
                tracing::error!(event = "key.lookup_failed", %error, "could not look up a key");
            })?;
            if found.is_none() {
                self.unknown.insert(digest, began);
            }
            let is_in_feed = |found: &FoundKey| match found.changed {
                Some(changed) => changed <= began.checkpoint,
                // No change of the key is recorded: the entry ends with the freshness bound.
                None => !self.store.records_all_changes(),
            };
            let is_cacheable = found.as_ref().is_some_and(is_in_feed);
            let cached_key = found.and_then(|found| self.cached_key(&found, began));
            let kept = cached_key.as_ref().filter(|it| is_cacheable && self.freshness.holds(began.generation, it.id));
            if let Some(cached_key) = kept {
                self.known.insert(digest, cached_key.clone());
            }
            Ok(ReadResult { read_seq, began, cached_key })
        }
        .boxed()
    }

    /// Returns the entry of a key that was found, if the key is live by the store's time.
    fn cached_key(&self, found: &FoundKey, began: ReadStamp) -> Option<Arc<CachedKey>> {
        let key = &found.key;
        let state = key.state(found.now);
        let ends = [key.expires_at, found.secret_expires_at].into_iter().flatten().min();
        let left = ends.map_or(Duration::MAX, |at| at.since(found.now));
        if state != KeyState::Active || left.is_zero() {
            tracing::debug!(
                event = "key.not_live",
                key = %key.id,
                tenant = %key.tenant,
                ?state,
                "rejected a key that is not live"
            );
            return None;
        }
        // Counted from the start of the read, so that the entry ends too early rather than too late.
        let left = if self.store.records_all_changes() { left } else { left.min(self.freshness.bound()) };
        let ends = began.at.plus(left);
        let scopes = self.scopes.set(&key.scopes);
        Some(Arc::new(CachedKey::of(key, scopes, self.tenant(&key.tenant), began.generation, ends)))
    }

    /// Returns the interned name of the tenant, which all its keys share.
    fn tenant(&self, tenant: &TenantId) -> TenantId {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = tenants.get(tenant) {
            return shared.clone();
        }
        if tenants.len() >= TENANTS {
            tenants.clear();
        }
        tenants.insert(tenant.clone());
        tenant.clone()
    }
}

/// Creates a cache of this capacity. It grows as it fills, and keeps no record of evicted entries.
fn bounded(keys: usize) -> Cache<KeyDigest, Arc<CachedKey>> {
    let capacity = keys.max(1);
    let options = OptionsBuilder::new()
        .estimated_items_capacity(capacity.min(1_024))
        .weight_capacity(u64::try_from(capacity).unwrap_or(u64::MAX))
        .ghost_allocation(0.0)
        .build();
    match options {
        Ok(options) => {
            Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // Cannot fail, because both capacities are given.
        Err(_) => Cache::new(capacity),
    }
}

#[cfg(test)]
mod tests;
