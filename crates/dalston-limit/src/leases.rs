//! The purses of all keys, and which of them need something of the store.

use crate::{
    Verdict,
    lease::Lease,
    purse::{Purse, Said},
    shards::Shards,
};
use dalston_model::{KeyId, LeaseId, RateLimit, SharedClock, SharedEntropy, Timestamp};
use dalston_store::{LeaseRequest, LimitStore, StoreError, StoreResult};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Mutex as Turn, MutexGuard as Turned, Notify};

/// A slice of one of so many nodes is at most this part of the limit; of more nodes it is smaller, so that together they
/// never have more in hand.
const PARTS: u32 = 160;
const NODES: u32 = 4;
/// A slice of fewer units is not worth a lease: each unit is taken by itself.
pub(crate) const LEAST: u32 = 4;

/// What a node has in hand for all keys.
pub(crate) struct Leases {
    clock: SharedClock,
    entropy: SharedEntropy,
    nodes: NonZeroU32,
    purses: Shards<Purse>,
    /// One call for a key at a time, so that requests that found nothing in hand wait for one slice together.
    turns: Vec<Turn<()>>,
    /// Keys whose next slice is due.
    short: Mutex<Vec<(KeyId, RateLimit)>>,
    /// Keys with a slice, by the monotonic time when it is over.
    ends: Mutex<BinaryHeap<Reverse<(i64, KeyId)>>>,
    pub(crate) wake: Notify,
}

/// What a purse said, and the units of slices that it is done with.
pub(crate) struct Answer {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) unnoted: u32,
}

impl Leases {
    pub(crate) fn new(clock: SharedClock, entropy: SharedEntropy, nodes: NonZeroU32) -> Self {
        let purses = Shards::new();
        Self {
            clock,
            entropy,
            nodes,
            turns: (0..purses.parts()).map(|_| Turn::default()).collect(),
            purses,
            short: Mutex::default(),
            ends: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Takes a unit out of what is in hand.
    pub(crate) fn take(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Answer {
        let (said, unnoted) = self.purses.with(key, now, |purse| (purse.take(limit, self.at(), now), purse.unnoted()));
        let verdict = match said {
            Said::Taken(taken, due) => {
                if due {
                    lock(&self.short).push((key, limit));
                    self.wake.notify_one();
                }
                Some(Verdict::new(taken, limit))
            }
            Said::Unknown => None,
        };
        Answer { verdict, unnoted }
    }

    /// How many units the next slice of the key should have; none when it is not worth one.
    pub(crate) fn want(&self, key: KeyId, limit: RateLimit) -> Option<u32> {
        let parts = PARTS.saturating_mul(self.nodes.get().max(NODES)).div_euclid(NODES);
        let most = limit.get().div_euclid(parts.max(1));
        let want = self.purses.find(key, |purse| purse.want(most, self.at()))?;
        (want >= LEAST).then_some(want)
    }

    /// Tells the store of slices of the key that are done with, and asks for one of `want` units of which `rest` may be
    /// used; `limit` is that of the key.
    pub(crate) async fn call(
        &self,
        store: &dyn LimitStore,
        key: KeyId,
        want: Option<(u32, RateLimit)>,
        rest: RateLimit,
    ) -> StoreResult<()> {
        let id = LeaseId::new(self.clock.now(), &*self.entropy).map_err(StoreError::unavailable)?;
        let sent = self.at();
        let closed = self.purses.find(key, |purse| purse.settling(sent)).unwrap_or_default();
        let units = want.map_or(0, |(units, _)| units);
        let request = LeaseRequest { id, limit: rest, want: units, closed };
        let answer = store.lease(key, &request).await;
        let heard = self.at();
        match answer {
            Ok(granted) => {
                let lease = want.map(|(_, limit)| (Lease::new(id, granted, sent, heard), limit));
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
    pub(crate) fn purse<R>(&self, key: KeyId, work: impl FnOnce(&mut Purse, i64) -> R) -> Option<R> {
        let at = self.at();
        self.purses.find(key, |purse| work(purse, at))
    }

    /// Waits until nobody else calls for the key.
    pub(crate) async fn turn(&self, key: KeyId) -> Turned<'_, ()> {
        self.turns[self.purses.part(key)].lock().await
    }

    /// Keys whose next slice is due.
    pub(crate) fn short(&self) -> Vec<(KeyId, RateLimit)> {
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
        let at = self.clock.monotonic();
        let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.subsec_micros()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
