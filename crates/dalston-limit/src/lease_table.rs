//! Table of the leased tokens of all keys, and of the leases that are due for renewal or release.

use crate::{
    RateLimitDecision,
    breaker::micros,
    leased_tokens::{LeasedTokens, TokenDecision},
    shards::Shards,
    token_lease::TokenLease,
};
use dalston_model::{KeyId, LeaseId, RateLimit, SharedClock, SharedEntropy};
use dalston_store::{LeaseRequest, LimitStore, StoreError, StoreResult};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// With up to `NODES` nodes, a lease is at most 1/`LEASE_FRACTION` of the limit. With more nodes it is smaller, so that the
/// nodes together never hold more.
const LEASE_FRACTION: u32 = 160;
const NODES: u32 = 4;
/// Minimum size of a lease. For fewer tokens a lease is not worth a call: each token is taken from the store.
pub(crate) const MIN_LEASE: u32 = 4;

/// The leased tokens of all keys.
pub(crate) struct LeaseTable {
    clock: SharedClock,
    entropy: SharedEntropy,
    tokens: Shards<LeasedTokens>,
    /// Locks that allow one call per key at a time: requests that find no leased token wait for the same lease
    /// (single-flight).
    call_locks: Vec<tokio::sync::Mutex<()>>,
    /// Keys whose lease is running low.
    running_low: Mutex<Vec<(KeyId, RateLimit)>>,
    /// Keys with a lease, ordered by the monotonic time at which the lease expires.
    expiries: Mutex<BinaryHeap<Reverse<(i64, KeyId)>>>,
    pub(crate) wake: Notify,
}

/// The decision, if there is one, and the tokens spent from leases that were closed meanwhile.
pub(crate) struct LeaseDecision {
    pub(crate) verdict: Option<RateLimitDecision>,
    pub(crate) unreported: u32,
}

impl LeaseTable {
    pub(crate) fn new(clock: SharedClock, entropy: SharedEntropy) -> Self {
        let tokens = Shards::new();
        Self {
            clock,
            entropy,
            call_locks: (0..tokens.parts()).map(|_| tokio::sync::Mutex::default()).collect(),
            tokens,
            running_low: Mutex::default(),
            expiries: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Takes a leased token at `now`, on the monotonic clock.
    pub(crate) fn take(&self, key: KeyId, limit: RateLimit, now: Duration) -> LeaseDecision {
        let take = |with_tokens: &mut LeasedTokens| (with_tokens.take(limit, micros(now)), with_tokens.unreported());
        let (said, unreported) = self.tokens.with(key, now, take);
        let verdict = match said {
            TokenDecision::Taken(taken, due) => {
                if due {
                    lock(&self.running_low).push((key, limit));
                    self.wake.notify_one();
                }
                Some(RateLimitDecision::new(taken, limit))
            }
            TokenDecision::Unknown => None,
        };
        LeaseDecision { verdict, unreported }
    }

    /// The size of the key's next lease; `None` if the key uses too little for one.
    pub(crate) fn want(&self, key: KeyId, limit: RateLimit, nodes: Option<NonZeroU32>) -> Option<u32> {
        let nodes = nodes.map_or(NODES, NonZeroU32::get).max(NODES);
        let parts = LEASE_FRACTION.saturating_mul(nodes).div_euclid(NODES);
        let most = limit.get().div_euclid(parts.max(1));
        let want = self.tokens.find(key, |with_tokens| with_tokens.want(most, self.at()))?;
        (want >= MIN_LEASE).then_some(want)
    }

    /// Settles the key's closed leases with the store. If `want` is set, also requests a lease of that many tokens
    /// under that limit.
    pub(crate) async fn call(
        &self,
        store: &dyn LimitStore,
        key: KeyId,
        want: Option<(u32, RateLimit)>,
    ) -> StoreResult<()> {
        let id = LeaseId::new(self.clock.now(), &*self.entropy).map_err(StoreError::unavailable)?;
        let sent = self.at();
        let closed = self.tokens.find(key, |with_tokens| with_tokens.settling(sent)).unwrap_or_default();
        let (units, limit) = want.unwrap_or((0, RateLimit::GREATEST));
        let request = LeaseRequest { id, limit, want: units, closed };
        let answer = store.lease(key, &request).await;
        let last_reply = self.at();
        match answer {
            Ok(granted) => {
                let lease = want.map(|(_, limit)| (TokenLease::new(id, granted, sent, last_reply), limit));
                if granted.units > 0
                    && let Some((lease, _)) = &lease
                {
                    lock(&self.expiries).push(Reverse((lease.over_at(), key)));
                }
                let settled = request.closed.len();
                self.tokens.find(key, |with_tokens| with_tokens.granted(lease, granted, settled, last_reply));
                Ok(())
            }
            Err(error) => {
                self.tokens.find(key, |with_tokens| with_tokens.lost(id));
                Err(error)
            }
        }
    }

    /// Runs `work` on the key's leased tokens, if the table has an entry for it.
    pub(crate) fn with_tokens<R>(&self, key: KeyId, work: impl FnOnce(&mut LeasedTokens, i64) -> R) -> Option<R> {
        let at = self.at();
        self.tokens.find(key, |with_tokens| work(with_tokens, at))
    }

    /// Locks the key for a call of the store. The lock is shared by all keys of a shard.
    pub(crate) async fn lock_for_call(&self, key: KeyId) -> tokio::sync::MutexGuard<'_, ()> {
        self.call_locks[self.tokens.part(key)].lock().await
    }

    /// Removes and returns the keys whose lease is running low.
    pub(crate) fn needs_refill(&self) -> Vec<(KeyId, RateLimit)> {
        std::mem::take(&mut lock(&self.running_low))
    }

    /// Removes and returns the keys with an expired lease, or all keys with a lease.
    pub(crate) fn held(&self, all: bool) -> HashSet<KeyId> {
        let at = self.at();
        let mut expiries = lock(&self.expiries);
        let mut keys = HashSet::new();
        while let Some(Reverse((end, key))) = expiries.peek()
            && (all || *end <= at)
        {
            keys.insert(*key);
            expiries.pop();
        }
        keys
    }

    /// The monotonic time in microseconds.
    fn at(&self) -> i64 {
        micros(self.clock.monotonic())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
