//! The limiter: in the process, or over all nodes by the store's counter, with a bounded fall-back.

use crate::{
    CounterUnavailable, LimiterMode, LocalLimiter, RateLimitDecision, SharedCounter, distributed::DistributedLimiter,
};
use dalston_model::{KeyId, RateLimit, SharedClock};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// What is left of a slice goes back so soon after its end.
const TEND: Duration = Duration::from_millis(250);

/// Decides whether a request has room in its key's minute. Clones count together.
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
    /// For one node when `shared` is `None`. `clock` is the node's; the shared counter goes by the store's.
    pub fn new(clock: SharedClock, shared: Option<SharedCounter>) -> Self {
        let counts = match shared {
            None => Counts::Here(Arc::new(LocalLimiter::new())),
            Some(shared) => Counts::Among(Arc::new(DistributedLimiter::new(clock.clone(), shared))),
        };
        Self { clock, counts }
    }

    /// Takes one unit of the key's minute at `now`, by this node's monotonic clock, if that can be decided without asking
    /// the store. `None` counts nothing: [`take`](Self::take) decides.
    pub fn try_take(&self, key: KeyId, limit: RateLimit, now: Duration) -> Option<RateLimitDecision> {
        match &self.counts {
            Counts::Here(local) => Some(RateLimitDecision::new(local.take(key, limit, now), limit)),
            Counts::Among(nodes) => nodes.try_take(key, limit, now),
        }
    }

    /// Takes one unit of the key's minute, if there is one. While the shared counter does not answer, this node's share
    /// decides, or nothing does.
    pub async fn take(&self, key: KeyId, limit: RateLimit) -> Result<RateLimitDecision, CounterUnavailable> {
        match &self.counts {
            Counts::Here(local) => Ok(RateLimitDecision::new(local.take(key, limit, self.clock.monotonic()), limit)),
            Counts::Among(nodes) => nodes.take(key, limit).await,
        }
    }

    /// Registers this node, reports what it admitted alone, asks for slices ahead of need and gives back what is left of
    /// them, until the other end of `ending` is dropped; then all of it goes back. Without it slices are asked for by the
    /// requests that need them, and the counter that did not answer is tried by a request.
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

    /// How it decides at the moment.
    pub fn mode(&self) -> LimiterMode {
        match &self.counts {
            Counts::Here(_) => LimiterMode::Local,
            Counts::Among(nodes) => nodes.mode(),
        }
    }

    /// How many nodes share the counter, as far as this one knows; `None` where it counts by itself.
    pub fn nodes(&self) -> Option<NonZeroU32> {
        match &self.counts {
            Counts::Here(_) => None,
            Counts::Among(nodes) => nodes.nodes(),
        }
    }
}

#[cfg(test)]
mod tests;
