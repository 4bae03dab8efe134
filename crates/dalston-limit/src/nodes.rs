//! Counting over several nodes: by the store, or out of slices that it lent, with a share of one's own while it is
//! down.

use crate::{LocalLimiter, Mode, Rates, Shared, Verdict, leases::Leases, purse::Purse};
use dalston_model::{KeyId, RateLimit, SharedClock, Timestamp};
use dalston_store::{LimitStore, StoreError, StoreResult, Taken};
use futures_util::{StreamExt as _, stream};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// After a failure the counter is left alone for so long: no request waits for it in vain.
pub(crate) const REST: Duration = Duration::from_secs(1);
/// Calls at once for slices ahead of need.
const CALLS: usize = 8;

const UP: i64 = i64::MIN;

/// This node among those that share the limits.
pub(crate) struct Nodes {
    clock: SharedClock,
    store: Arc<dyn LimitStore>,
    /// How many there are.
    count: NonZeroU32,
    /// What this node admitted, by whatever means.
    local: LocalLimiter,
    /// What it admitted while the counter was down, which that counter does not know.
    alone: LocalLimiter,
    leases: Option<Leases>,
    /// Until when the counter is left alone, in microseconds; `UP` while it answers.
    rests_until: AtomicI64,
}

impl Nodes {
    pub(crate) fn new(clock: SharedClock, Shared { store, nodes, rates }: Shared) -> Self {
        let leases = match rates {
            Rates::Shared => None,
            Rates::Leased(entropy) => Some(Leases::new(clock.clone(), entropy, nodes)),
        };
        let (local, alone) = (LocalLimiter::new(), LocalLimiter::new());
        Self { clock, store, count: nodes, local, alone, leases, rests_until: AtomicI64::new(UP) }
    }

    /// Decides by what is in hand, or by this node's share while the counter is left alone.
    pub(crate) fn try_take(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Option<Verdict> {
        if let Some(leases) = &self.leases {
            let answer = leases.take(key, limit, now);
            if answer.unnoted > 0 {
                self.local.note(key, answer.unnoted, now);
            }
            if answer.verdict.is_some() {
                return answer.verdict;
            }
        }
        let until = self.rests_until.load(Ordering::Relaxed);
        (until != UP && until > now.as_micros()).then(|| self.share(key, limit, now))
    }

    pub(crate) async fn take(&self, key: KeyId, limit: RateLimit) -> Verdict {
        let now = self.clock.now();
        if let Some(verdict) = self.try_take(key, limit, now) {
            return verdict;
        }
        if self.asks(now) {
            let asked = match &self.leases {
                Some(leases) => self.lease(leases, key, limit, now).await,
                None => self.one(key, limit, now).await.map(|taken| Verdict::new(taken, limit)),
            };
            match asked {
                Ok(verdict) => {
                    self.rests_until.store(UP, Ordering::Relaxed);
                    return verdict;
                }
                Err(error) => self.fails(&error),
            }
        }
        self.share(key, limit, self.clock.now())
    }

    /// Takes a unit out of a new slice, or by itself when the key is not worth one.
    async fn lease(&self, leases: &Leases, key: KeyId, limit: RateLimit, now: Timestamp) -> StoreResult<Verdict> {
        if leases.want(key, limit).is_some() {
            let turn = leases.turn(key).await;
            // Whoever had the turn before may have brought a slice.
            if let Some(verdict) = self.try_take(key, limit, self.clock.now()) {
                return Ok(verdict);
            }
            if let Some(want) = leases.want(key, limit) {
                self.lend(leases, key, limit, want).await?;
                drop(turn);
                if let Some(verdict) = self.try_take(key, limit, self.clock.now()) {
                    return Ok(verdict);
                }
            }
        }
        // What was in hand under a higher limit, or of a key that is slower now, is not to be in the way of this one.
        if leases.purse(key, Purse::collect) == Some(true) {
            let _turn = leases.turn(key).await;
            leases.call(&*self.store, key, None, limit).await?;
        }
        let taken = self.one(key, limit, now).await?;
        leases.purse(key, |purse, at| purse.taken(taken, at));
        Ok(Verdict::new(taken, limit))
    }

    /// Asks for a slice of what there is besides the requests that the counter does not know.
    async fn lend(&self, leases: &Leases, key: KeyId, limit: RateLimit, want: u32) -> StoreResult<()> {
        let (unknown, frees_in) = self.alone.count(key, self.clock.now());
        if let Ok(rest) = RateLimit::new(limit.get().saturating_sub(unknown)) {
            return leases.call(&*self.store, key, Some((want, limit)), rest).await;
        }
        let taken = Taken { admitted: false, used: unknown, frees_in };
        leases.purse(key, |purse, at| purse.taken(taken, at));
        Ok(())
    }

    /// Asks the counter for one unit of what it has besides the requests that it does not know.
    async fn one(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> StoreResult<Taken> {
        let (unknown, frees_in) = self.alone.count(key, now);
        let Ok(rest) = RateLimit::new(limit.get().saturating_sub(unknown)) else {
            return Ok(Taken { admitted: false, used: unknown, frees_in });
        };
        let taken = self.store.take(key, rest).await?;
        // What this node admitted counts against its share, should the counter go down within the minute.
        if taken.admitted {
            self.local.note(key, 1, now);
        }
        Ok(Taken { used: taken.used.saturating_add(unknown), ..taken })
    }

    /// Takes a unit of this node's share.
    fn share(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Verdict {
        let share = RateLimit::new(limit.get().div_ceil(self.count.get())).unwrap_or(limit);
        let taken = self.local.take(key, share, now);
        if taken.admitted {
            self.alone.note(key, 1, now);
        }
        Verdict::new(taken, share)
    }

    /// Asks for slices that are due, and gives back what is left of those that are over.
    pub(crate) async fn tend(&self) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.short()).for_each_concurrent(CALLS, |(key, limit)| self.fetch(leases, key, limit)).await;
        stream::iter(leases.held(false))
            .for_each_concurrent(CALLS, async |key| {
                let owes = leases.purse(key, |purse, at| (purse.collect(at), purse.unnoted()));
                self.settle(leases, key, owes).await;
            })
            .await;
    }

    /// Gives back all that is in hand.
    pub(crate) async fn give_back(&self) {
        let Some(leases) = &self.leases else { return };
        stream::iter(leases.held(true))
            .for_each_concurrent(CALLS, async |key| {
                let owes = leases.purse(key, |purse, _| (purse.close(), purse.unnoted()));
                self.settle(leases, key, owes).await;
            })
            .await;
    }

    /// Waits until a slice is due.
    pub(crate) async fn short(&self) {
        match &self.leases {
            Some(leases) => leases.wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Asks for the next slice of a key.
    async fn fetch(&self, leases: &Leases, key: KeyId, limit: RateLimit) {
        let Some(want) = leases.want(key, limit) else {
            leases.purse(key, |purse, _| purse.spared());
            return;
        };
        let _turn = leases.turn(key).await;
        if !self.asks(self.clock.now()) {
            leases.purse(key, |purse, _| purse.spared());
        } else if let Err(error) = self.lend(leases, key, limit, want).await {
            self.fails(&error);
        } else {
            self.rests_until.store(UP, Ordering::Relaxed);
        }
    }

    /// Gives back what is left of slices of a key, if something is owed, and counts what was spent of them in this
    /// node's window.
    async fn settle(&self, leases: &Leases, key: KeyId, owes: Option<(bool, u32)>) {
        let Some((owes, unnoted)) = owes else { return };
        if unnoted > 0 {
            self.local.note(key, unnoted, self.clock.now());
        }
        let _turn = leases.turn(key).await;
        let Ok(any) = RateLimit::new(RateLimit::MAX) else { return };
        if owes && let Err(error) = leases.call(&*self.store, key, None, any).await {
            tracing::debug!(%error, "what is left of a slice goes back with the next call");
        }
    }

    fn fails(&self, error: &StoreError) {
        tracing::warn!(%error, "the shared limiter is down: this node admits its share");
        self.rests_until.store(self.clock.now().plus(REST).as_micros(), Ordering::Relaxed);
    }

    /// How it decides at the moment.
    pub(crate) fn mode(&self) -> Mode {
        match &self.leases {
            _ if self.rests_until.load(Ordering::Relaxed) != UP => Mode::Degraded,
            Some(_) => Mode::Leased,
            None => Mode::Shared,
        }
    }

    /// Whether this request asks the counter. After a failure, one at a time does.
    fn asks(&self, now: Timestamp) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        let next = now.plus(REST).as_micros();
        let order = Ordering::Relaxed;
        until == UP
            || (until <= now.as_micros() && self.rests_until.compare_exchange(until, next, order, order).is_ok())
    }
}
