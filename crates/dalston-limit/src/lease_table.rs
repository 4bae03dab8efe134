//! The purses of all keys, and which of them need something of the store.

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

/// A slice of one of so many nodes is at most this part of the limit; of more nodes it is smaller, so that together they
/// never have more in hand.
const PARTS: u32 = 160;
const NODES: u32 = 4;
/// A slice of fewer units is not worth a lease: each unit is taken by itself.
pub(crate) const LEAST: u32 = 4;

/// What a node has in hand for all keys.
pub(crate) struct LeaseTable {
    clock: SharedClock,
    entropy: SharedEntropy,
    purses: Shards<LeasedTokens>,
    /// One call for a key at a time, so that requests that found nothing in hand wait for one slice together.
    turns: Vec<Turn<()>>,
    /// Keys whose next slice is due.
    short: Mutex<Vec<(KeyId, RateLimit)>>,
    /// Keys with a slice, by the monotonic time when it is over.
    ends: Mutex<BinaryHeap<Reverse<(i64, KeyId)>>>,
    pub(crate) wake: Notify,
}

/// What a purse said, and the units of slices that it is done with.
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

    /// Takes a unit out of what is in hand at `now`, by the monotonic clock.
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

    /// How many units the next slice of the key should have; none when it is not worth one.
    pub(crate) fn want(&self, key: KeyId, limit: RateLimit, nodes: Option<NonZeroU32>) -> Option<u32> {
        let nodes = nodes.map_or(NODES, NonZeroU32::get).max(NODES);
        let parts = PARTS.saturating_mul(nodes).div_euclid(NODES);
        let most = limit.get().div_euclid(parts.max(1));
        let want = self.purses.find(key, |purse| purse.want(most, self.at()))?;
        (want >= LEAST).then_some(want)
    }

    /// Tells the store of slices of the key that are done with, and asks for one of so many units under its limit, if it
    /// is to have one.
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

    /// Works on the key's purse, if it has one.
    pub(crate) fn purse<R>(&self, key: KeyId, work: impl FnOnce(&mut LeasedTokens, i64) -> R) -> Option<R> {
        let at = self.at();
        self.purses.find(key, |purse| work(purse, at))
    }

    /// Waits until nobody else calls for the key.
    pub(crate) async fn turn(&self, key: KeyId) -> Turned<'_, ()> {
        self.turns[self.purses.part(key)].lock().await
    }

    /// Keys whose next slice is due.
    pub(crate) fn needs_refill(&self) -> Vec<(KeyId, RateLimit)> {
        std::mem::take(&mut lock(&self.short))
    }

    /// Keys of which a slice is over, or which have a slice at all.
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
