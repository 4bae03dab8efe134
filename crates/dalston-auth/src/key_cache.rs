//! The live keys that this node knows, in memory: a read of the store for each of them, not for each request.

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

/// That a secret is unknown is remembered for so long at most, and forgotten at the first change of any key.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Unknown secrets remembered at most (CACHE-02).
const UNKNOWN: usize = 10_000;
/// Names of tenants that are kept once for all their keys.
const TENANTS: usize = 10_000;

/// How answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCacheConfig {
    /// Live keys at most; those that were not used for longest go first.
    pub keys: usize,
    /// An answer from memory is used only when the changes up to so long ago are known (`DALSTON_FRESHNESS`).
    pub freshness: Duration,
    /// Whether an answer that is as old again is used while the store cannot be asked.
    pub stale: bool,
}

impl Default for KeyCacheConfig {
    fn default() -> Self {
        Self { keys: 1_000_000, freshness: Duration::from_secs(1), stale: false }
    }
}

/// What the directory holds and how it serves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyCacheStats {
    /// Live keys in memory.
    pub keys: usize,
    /// Answers from memory since the start.
    pub hits: u64,
    /// Answers that the store was asked for.
    pub misses: u64,
    /// How long ago the changes were known that answers from memory go by; `None` before the first time.
    pub age: Option<Duration>,
}

/// Live keys by the digest of a secret.
pub(crate) struct KeyCache {
    store: Arc<dyn KeyLookup>,
    clock: SharedClock,
    scopes: Arc<KnownScopes>,
    freshness: Freshness,
    known: Cache<KeyDigest, Arc<CachedKey>>,
    unknown: Cache<KeyDigest, ReadStamp>,
    flights: SingleFlight<StoreResult<ReadResult>>,
    tenants: Mutex<HashSet<TenantId>>,
    /// What comes before what: a clock may tell the same time twice.
    turns: AtomicU64,
    stale: bool,
    hits: ShardedCounter,
    misses: AtomicU64,
}

/// What a read gave.
#[derive(Clone)]
struct ReadResult {
    turn: u64,
    began: ReadStamp,
    /// `None`: the secret is unknown, or of a key that is revoked, expired or disabled.
    holder: Option<Arc<CachedKey>>,
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
            flights: SingleFlight::new(),
            tenants: Mutex::default(),
            turns: AtomicU64::new(1),
            stale: memory.stale,
            hits: ShardedCounter::default(),
            misses: AtomicU64::new(0),
        })
    }

    /// What this node has heard of changes.
    pub(crate) const fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// The holder of the key behind the digest, if memory may answer that at `now`, by the monotonic clock.
    pub(crate) fn get(&self, digest: &KeyDigest, now: Duration) -> Option<Arc<CachedKey>> {
        let now = MonotonicNanos::of(now);
        if !self.freshness.is_fresh(now, 1) {
            return None;
        }
        let holder = self.known.get(digest).filter(|holder| self.holds(holder, now))?;
        self.hits.add_one();
        Some(holder)
    }

    /// The holder of the key behind the digest, asking the store. `None`: there is no live key.
    pub(crate) async fn find(self: &Arc<Self>, digest: &KeyDigest) -> StoreResult<Option<Arc<CachedKey>>> {
        let (arrived, now) = (self.turn(), self.now());
        let is_fresh = self.freshness.is_fresh(now, 1);
        if is_fresh && self.unknown.get(digest).is_some_and(|reading| self.is_still_unknown(reading, now)) {
            return Ok(None);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let held = self.known.get(digest);
        // While changes are heard of, a read that is under way will do, unless one was heard since it began.
        let since = if is_fresh { 0 } else { arrived };
        let landed = match self.read(digest, since).await {
            Ok(landed) if landed.turn < arrived && !self.stands(&landed) => self.read(digest, arrived).await,
            landed => landed,
        };
        landed.map(|landed| landed.holder).or_else(|error| match held.filter(|holder| self.may_be_stale(holder)) {
            Some(holder) => Ok(Some(holder)),
            None => Err(error),
        })
    }

    /// The holder of a live key that came another way than by its secret: not kept.
    pub(crate) fn outside(&self, key: &Key) -> Arc<CachedKey> {
        let began = self.freshness.begin(self.now());
        let scopes = self.scopes.set(&key.scopes);
        Arc::new(CachedKey::of(key, scopes, key.tenant.clone(), began.generation, began.at))
    }

    /// What it holds and how it serves.
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

    fn holds(&self, holder: &CachedKey, now: MonotonicNanos) -> bool {
        now < holder.ends && self.freshness.holds(holder.generation, holder.id)
    }

    fn stands(&self, landed: &ReadResult) -> bool {
        match &landed.holder {
            Some(holder) => self.holds(holder, self.now()),
            None => self.freshness.is_last(landed.began.generation),
        }
    }

    fn is_still_unknown(&self, reading: ReadStamp, now: MonotonicNanos) -> bool {
        self.freshness.is_last(reading.generation) && now.since(reading.at) < UNKNOWN_FOR
    }

    /// While the store is away an answer may be as old again as the bound, if it is not known to be wrong.
    fn may_be_stale(&self, holder: &CachedKey) -> bool {
        let now = self.now();
        self.stale && self.freshness.is_fresh(now, 2) && self.holds(holder, now)
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }

    async fn read(self: &Arc<Self>, digest: &KeyDigest, since: u64) -> StoreResult<ReadResult> {
        let turn = self.turn();
        let fly = || self.clone().fly(*digest, turn, self.freshness.begin(self.now()));
        self.flights.join(*digest, since, turn, fly).await
    }

    fn fly(
        self: Arc<Self>,
        digest: KeyDigest,
        turn: u64,
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
                Some(changed) => changed <= began.mark,
                // No change of the key is recorded: the entry ends with the freshness bound.
                None => !self.store.records_all_changes(),
            };
            let is_told = found.as_ref().is_some_and(is_in_feed);
            let holder = found.and_then(|found| self.holder(&found, began));
            let kept = holder.as_ref().filter(|it| is_told && self.freshness.holds(began.generation, it.id));
            if let Some(holder) = kept {
                self.known.insert(digest, holder.clone());
            }
            Ok(ReadResult { turn, began, holder })
        }
        .boxed()
    }

    /// The holder of a key that was found, if it is live by the store's time.
    fn holder(&self, found: &FoundKey, began: ReadStamp) -> Option<Arc<CachedKey>> {
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
        // Counted from before the read: too early rather than too late.
        let left = if self.store.records_all_changes() { left } else { left.min(self.freshness.bound()) };
        let ends = began.at.plus(left);
        let scopes = self.scopes.set(&key.scopes);
        Some(Arc::new(CachedKey::of(key, scopes, self.tenant(&key.tenant), began.generation, ends)))
    }

    /// The one name of the tenant that all its keys share.
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

/// A cache of so many that grows as it fills, and remembers nothing of those that went.
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
        // Both capacities are given: it cannot fail.
        Err(_) => Cache::new(capacity),
    }
}

#[cfg(test)]
mod tests;
