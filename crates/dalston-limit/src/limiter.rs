//! Rate limiter: counts in the process, or over all nodes by the store's counter with a bounded fallback during
//! outages.

use crate::{
    CounterUnavailable, LimiterMode, LocalLimiter, RateLimitDecision, SharedCounter, distributed::DistributedLimiter,
};
use dalston_model::{KeyId, RateLimit, SharedClock};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Interval of the background work; the rest of an expired lease is released within it.
const TEND: Duration = Duration::from_millis(250);

/// Decides whether a request is within its key's rate limit. Clones share their counts.
#[derive(Clone)]
pub struct Limiter {
    clock: SharedClock,
    counts: Counts,
}

#[derive(Clone)]
enum Counts {
    Here(Arc<LocalLimiter>),
    Among(Arc<DistributedLimiter>),
}

impl Limiter {
    /// Creates a limiter; without `shared` it counts for this process alone. `clock` is this node's clock. The shared
    /// counter uses the store's time.
    pub fn new(clock: SharedClock, shared: Option<SharedCounter>) -> Self {
        let counts = match shared {
            None => Counts::Here(Arc::new(LocalLimiter::new())),
            Some(shared) => Counts::Among(Arc::new(DistributedLimiter::new(clock.clone(), shared))),
        };
        Self { clock, counts }
    }

    /// Takes one token of the key at `now`, on this node's monotonic clock, if that needs no call of the store. If it
    /// returns `None`, nothing is counted, and the caller must use [`take`](Self::take).
    pub fn try_take(&self, key: KeyId, limit: RateLimit, now: Duration) -> Option<RateLimitDecision> {
        match &self.counts {
            Counts::Here(local) => Some(RateLimitDecision::new(local.take(key, limit, now), limit)),
            Counts::Among(nodes) => nodes.try_take(key, limit, now),
        }
    }

    /// Takes one token of the key, if there is room. While the shared counter does not answer, this node's share
    /// decides; without a share it returns an error.
    pub async fn take(&self, key: KeyId, limit: RateLimit) -> Result<RateLimitDecision, CounterUnavailable> {
        match &self.counts {
            Counts::Here(local) => Ok(RateLimitDecision::new(local.take(key, limit, self.clock.monotonic()), limit)),
            Counts::Among(nodes) => nodes.take(key, limit).await,
        }
    }

    /// Background task: registers this node, reports its local admissions, renews leases ahead of need and releases the
    /// rest of expired ones. It ends when the sender of `ending` is dropped, and then releases all leases. Without this
    /// task, requests obtain leases themselves, and a request probes a counter that has failed.
    pub async fn run(&self, mut ending: watch::Receiver<()>) {
        let Counts::Among(nodes) = &self.counts else { return };
        let mut ticks = interval(TEND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = ending.changed() => break,
                () = nodes.needs_refill() => {}
                _ = ticks.tick() => {}
            }
            nodes.refill().await;
        }
        nodes.release().await;
    }

    /// Registers this node, as [`run`](Self::run) does.
    #[cfg(test)]
    pub(crate) async fn enlist(&self) -> dalston_store::StoreResult<()> {
        match &self.counts {
            Counts::Here(_) => Ok(()),
            Counts::Among(nodes) => nodes.enlist().await,
        }
    }

    /// One round of [`run`](Self::run).
    #[cfg(test)]
    pub(crate) async fn refill(&self) {
        if let Counts::Among(nodes) = &self.counts {
            nodes.refill().await;
        }
    }

    /// The end of [`run`](Self::run).
    #[cfg(test)]
    pub(crate) async fn release(&self) {
        if let Counts::Among(nodes) = &self.counts {
            nodes.release().await;
        }
    }

    /// How the limiter decides at present.
    pub fn mode(&self) -> LimiterMode {
        match &self.counts {
            Counts::Here(_) => LimiterMode::Local,
            Counts::Among(nodes) => nodes.mode(),
        }
    }

    /// The number of nodes that share the counter, as far as this node knows it; `None` if it counts in the process.
    pub fn nodes(&self) -> Option<NonZeroU32> {
        match &self.counts {
            Counts::Here(_) => None,
            Counts::Among(nodes) => nodes.nodes(),
        }
    }
}

#[cfg(test)]
mod tests;
