//! The limiter: in the process, or over all nodes by the store's counter, with a bounded fall-back.

use crate::{LocalLimiter, Verdict, nodes::Nodes};
use dalston_model::{KeyId, RateLimit, SharedClock, SharedEntropy, Timestamp};
use dalston_store::LimitStore;
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// What is left of a slice goes back so soon after its end.
const TEND: Duration = Duration::from_millis(250);

/// The counter that the nodes share.
pub struct Shared {
    /// The store that counts.
    pub store: Arc<dyn LimitStore>,
    /// How many nodes share the limits: the share of one, while the counter is down, is the limit over this, rounded
    /// up; and the more there are, the smaller are slices.
    pub nodes: NonZeroU32,
    /// How often it is asked.
    pub rates: Rates,
}

/// How often the shared counter is asked.
pub enum Rates {
    /// For each request.
    Shared,
    /// For slices, ahead of need, whose ids are made by this chance.
    Leased(SharedEntropy),
}

/// How the limiter decides at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In the process: there is one node.
    Local,
    /// By the counter that the nodes share.
    Shared,
    /// By slices of that counter.
    Leased,
    /// By this node's share: the shared counter does not answer.
    Degraded,
}

impl Mode {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
            Self::Leased => "leased",
            Self::Degraded => "degraded",
        }
    }
}

/// Decides whether a request has room in its key's minute. Clones count together.
#[derive(Clone)]
pub struct Limiter {
    clock: SharedClock,
    counts: Counts,
}

#[derive(Clone)]
enum Counts {
    Here(Arc<LocalLimiter>),
    Among(Arc<Nodes>),
}

impl Limiter {
    /// For one node when `shared` is `None`. `clock` is the node's; the shared counter goes by the store's.
    pub fn new(clock: SharedClock, shared: Option<Shared>) -> Self {
        let counts = match shared {
            None => Counts::Here(Arc::new(LocalLimiter::new())),
            Some(shared) => Counts::Among(Arc::new(Nodes::new(clock.clone(), shared))),
        };
        Self { clock, counts }
    }

    /// Takes one unit of the key's minute at `now`, this node's time, if that can be decided without asking the store.
    /// `None` counts nothing: [`take`](Self::take) decides.
    pub fn try_take(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Option<Verdict> {
        match &self.counts {
            Counts::Here(local) => Some(Verdict::new(local.take(key, limit, now), limit)),
            Counts::Among(nodes) => nodes.try_take(key, limit, now),
        }
    }

    /// Takes one unit of the key's minute, if there is one. A shared counter that is down means this node's share:
    /// never unlimited, never an error.
    pub async fn take(&self, key: KeyId, limit: RateLimit) -> Verdict {
        match &self.counts {
            Counts::Here(local) => Verdict::new(local.take(key, limit, self.clock.now()), limit),
            Counts::Among(nodes) => nodes.take(key, limit).await,
        }
    }

    /// Asks for slices ahead of need and gives back what is left of them, until the other end of `ending` is dropped;
    /// then all of it goes back. Without it slices are asked for by the requests that need them.
    pub async fn run(&self, mut ending: watch::Receiver<()>) {
        let Counts::Among(nodes) = &self.counts else { return };
        let mut ticks = interval(TEND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = ending.changed() => break,
                () = nodes.short() => {}
                _ = ticks.tick() => {}
            }
            nodes.tend().await;
        }
        nodes.give_back().await;
    }

    /// One round of [`run`](Self::run).
    #[cfg(test)]
    pub(crate) async fn tend(&self) {
        if let Counts::Among(nodes) = &self.counts {
            nodes.tend().await;
        }
    }

    /// The end of [`run`](Self::run).
    #[cfg(test)]
    pub(crate) async fn give_back(&self) {
        if let Counts::Among(nodes) = &self.counts {
            nodes.give_back().await;
        }
    }

    /// How it decides at the moment.
    pub fn mode(&self) -> Mode {
        match &self.counts {
            Counts::Here(_) => Mode::Local,
            Counts::Among(nodes) => nodes.mode(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::REST;
    use async_trait::async_trait;
    use dalston_model::{Clock as _, ManualClock, SeededEntropy};
    use dalston_store::{Granted, LeaseRequest, StoreError, StoreResult, Taken};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A counter that can be switched off.
    struct Counter {
        windows: LocalLimiter,
        clock: SharedClock,
        down: AtomicBool,
    }

    #[async_trait]
    impl LimitStore for Counter {
        async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Taken> {
            if self.down.load(Ordering::SeqCst) {
                return Err(StoreError::unavailable("down"));
            }
            Ok(self.windows.take(key, limit, self.clock.now()))
        }

        async fn lease(&self, _: KeyId, _: &LeaseRequest) -> StoreResult<Granted> {
            Err(StoreError::unavailable("not asked"))
        }
    }

    #[tokio::test]
    async fn a_counter_that_is_down_leaves_each_node_its_share() {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let counter =
            Arc::new(Counter { windows: LocalLimiter::new(), clock: clock.clone(), down: AtomicBool::new(false) });
        let nodes = NonZeroU32::new(3).unwrap();
        let node = || Limiter::new(clock.clone(), Some(Shared { store: counter.clone(), nodes, rates: Rates::Shared }));
        let (one, two) = (node(), node());
        let key = KeyId::new(clock.now(), &SeededEntropy::new(1)).unwrap();
        let limit = RateLimit::new(10).unwrap();
        for _ in 0..3 {
            assert!(one.take(key, limit).await.admitted);
        }
        assert_eq!(one.mode(), Mode::Shared);

        counter.down.store(true, Ordering::SeqCst);
        assert!(one.take(key, limit).await.admitted, "the fourth of a share of four");
        assert_eq!(one.mode(), Mode::Degraded);
        let refused = one.take(key, limit).await;
        assert!(!refused.admitted && refused.resets_in > 0);
        let mut admitted = 0;
        while two.take(key, limit).await.admitted {
            admitted += 1;
        }
        assert_eq!(admitted, 4);

        counter.down.store(false, Ordering::SeqCst);
        clock.advance(REST);
        assert!(one.take(key, limit).await.admitted, "the counter is asked again");
        assert_eq!(one.mode(), Mode::Shared);
    }

    #[tokio::test]
    async fn what_a_node_admitted_alone_counts_when_the_counter_is_back() {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let counter =
            Arc::new(Counter { windows: LocalLimiter::new(), clock: clock.clone(), down: AtomicBool::new(true) });
        let node = Limiter::new(
            clock.clone(),
            Some(Shared { store: counter.clone(), nodes: NonZeroU32::MIN, rates: Rates::Shared }),
        );
        let key = KeyId::new(clock.now(), &SeededEntropy::new(1)).unwrap();
        let limit = RateLimit::new(10).unwrap();
        for _ in 0..6 {
            assert!(node.take(key, limit).await.admitted);
        }
        counter.down.store(false, Ordering::SeqCst);
        clock.advance(REST);
        let mut admitted = 0;
        while node.take(key, limit).await.admitted {
            admitted += 1;
        }
        assert_eq!(admitted, 4);
    }
}
