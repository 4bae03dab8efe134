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
use tokio::sync::{Mutex as Turn, MutexGuard as Turned, Notify};

/// With up to `NODES` nodes, a lease is at most 1/`PARTS` of the limit. With more nodes it is smaller, so that the
/// nodes together never hold more.
const PARTS: u32 = 160;
const NODES: u32 = 4;
/// Minimum size of a lease. For fewer tokens a lease is not worth a call: each token is taken from the store.
pub(crate) const LEAST: u32 = 4;

/// The leased tokens of all keys.
pub(crate) struct LeaseTable {
    clock: SharedClock,
    entropy: SharedEntropy,
    purses: Shards<LeasedTokens>,
    /// Locks that allow one call per key at a time: requests that find no leased token wait for the same lease
    /// (single-flight).
    turns: Vec<Turn<()>>,
    /// Keys whose lease is running low.
    short: Mutex<Vec<(KeyId, RateLimit)>>,
    /// Keys with a lease, ordered by the monotonic time at which the lease expires.
    ends: Mutex<BinaryHeap<Reverse<(i64, KeyId)>>>,
    pub(crate) wake: Notify,
}

/// The decision, if there is one, and the tokens spent from leases that were closed meanwhile.
pub(crate) struct LeaseDecision {
    pub(crate) verdict: Option<RateLimitDecision>,
    pub(crate) unnoted: u32,
}

impl LeaseTable {
    pub(crate) fn new(clock: SharedClock, entropy: SharedEntropy) -> Self {
        let purses = Shards::new();
        Self {
            clock,
            entropy,
            turns: (0..purses.parts()).map(|_| Turn::default()).collect(),
            purses,
            short: Mutex::default(),
            ends: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Takes a leased token at `now`, on the monotonic clock.
    pub(crate) fn take(&self, key: KeyId, limit: RateLimit, now: Duration) -> LeaseDecision {
        let take = |purse: &mut LeasedTokens| (purse.take(limit, micros(now)), purse.unnoted());
        let (said, unnoted) = self.purses.with(key, now, take);
        let verdict = match said {
            TokenDecision::Taken(taken, due) => {
                if due {
                    lock(&self.short).push((key, limit));
                    self.wake.notify_one();
                }
                Some(RateLimitDecision::new(taken, limit))
            }
            TokenDecision::Unknown => None,
        };
        LeaseDecision { verdict, unnoted }
    }

    /// The size of the key's next lease; `None` if the key uses too little for one.
    pub(crate) fn want(&self, key: KeyId, limit: RateLimit, nodes: Option<NonZeroU32>) -> Option<u32> {
        let nodes = nodes.map_or(NODES, NonZeroU32::get).max(NODES);
        let parts = PARTS.saturating_mul(nodes).div_euclid(NODES);
        let most = limit.get().div_euclid(parts.max(1));
        let want = self.purses.find(key, |purse| purse.want(most, self.at()))?;
        (want >= LEAST).then_some(want)
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
        let closed = self.purses.find(key, |purse| purse.settling(sent)).unwrap_or_default();
        let (units, limit) = want.unwrap_or((0, RateLimit::GREATEST));
        let request = LeaseRequest { id, limit, want: units, closed };
        let answer = store.lease(key, &request).await;
        let heard = self.at();
        match answer {
            Ok(granted) => {
                let lease = want.map(|(_, limit)| (TokenLease::new(id, granted, sent, heard), limit));
                if granted.units > 0
                    && let Some((lease, _)) = &lease
                {
                    lock(&self.ends).push(Reverse((lease.over_at(), key)));
                }
                let settled = request.closed.len();
                self.purses.find(key, |purse| purse.granted(lease, granted, settled, heard));
                Ok(())
            }
            Err(error) => {
                self.purses.find(key, |purse| purse.lost(id));
                Err(error)
            }
        }
    }

    /// Runs `work` on the key's leased tokens, if the table has an entry for it.
    pub(crate) fn purse<R>(&self, key: KeyId, work: impl FnOnce(&mut LeasedTokens, i64) -> R) -> Option<R> {
        let at = self.at();
        self.purses.find(key, |purse| work(purse, at))
    }

    /// Locks the key for a call of the store. The lock is shared by all keys of a shard.
    pub(crate) async fn turn(&self, key: KeyId) -> Turned<'_, ()> {
        self.turns[self.purses.part(key)].lock().await
    }

    /// Removes and returns the keys whose lease is running low.
    pub(crate) fn needs_refill(&self) -> Vec<(KeyId, RateLimit)> {
        std::mem::take(&mut lock(&self.short))
    }

    /// Removes and returns the keys with an expired lease, or all keys with a lease.
    pub(crate) fn held(&self, all: bool) -> HashSet<KeyId> {
        let at = self.at();
        let mut ends = lock(&self.ends);
        let mut keys = HashSet::new();
        while let Some(Reverse((end, key))) = ends.peek()
            && (all || *end <= at)
        {
            keys.insert(*key);
            ends.pop();
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
