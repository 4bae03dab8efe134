//! The limiter: in the process, or over all nodes by the store's counter, with a bounded fall-back.

use crate::{LocalLimiter, Verdict};
use dalston_model::{KeyId, RateLimit, SharedClock, Timestamp};
use dalston_store::{LimitStore, StoreResult, Taken};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// After a failure the shared counter is left alone for so long: no request waits for it in vain.
const REST: Duration = Duration::from_secs(1);

/// The counter that the nodes share.
pub struct Shared {
    /// The store that counts.
    pub store: Arc<dyn LimitStore>,
    /// How many nodes share the limits: the share of one, while the counter is down, is the limit over this, rounded
    /// up.
    pub nodes: NonZeroU32,
}

/// How the limiter decides at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In the process: there is one node.
    Local,
    /// By the counter that the nodes share.
    Shared,
    /// By this node's share: the shared counter does not answer.
    Degraded,
}

impl Mode {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
            Self::Degraded => "degraded",
        }
    }
}

/// Decides whether a request has room in its key's minute.
pub struct Limiter {
    clock: SharedClock,
    /// What this node admitted, by whatever means.
    local: LocalLimiter,
    /// What it admitted while the shared counter was down, which that counter does not know.
    alone: LocalLimiter,
    shared: Option<Shared>,
    /// Until when the shared counter is left alone, in microseconds; `UP` while it answers.
    rests_until: AtomicI64,
}

const UP: i64 = i64::MIN;

impl Limiter {
    /// For one node when `shared` is `None`. `clock` is the node's; the shared counter goes by the store's.
    pub fn new(clock: SharedClock, shared: Option<Shared>) -> Self {
        let rests_until = AtomicI64::new(UP);
        Self { clock, local: LocalLimiter::new(), alone: LocalLimiter::new(), shared, rests_until }
    }

    /// Takes one unit of the key's minute at `now`, this node's time, if that can be decided without asking the store.
    /// `None` counts nothing: [`take`](Self::take) decides.
    pub fn try_take(&self, key: KeyId, limit: RateLimit, now: Timestamp) -> Option<Verdict> {
        self.shared.is_none().then(|| Verdict::new(self.local.take(key, limit, now), limit))
    }

    /// Takes one unit of the key's minute, if there is one. A shared counter that is down means this node's share:
    /// never unlimited, never an error.
    pub async fn take(&self, key: KeyId, limit: RateLimit) -> Verdict {
        let now = self.clock.now();
        let Some(shared) = &self.shared else { return Verdict::new(self.local.take(key, limit, now), limit) };
        if self.asks(now) {
            match self.ask(shared, key, limit, now).await {
                Ok(taken) => {
                    self.rests_until.store(UP, Ordering::Relaxed);
                    return Verdict::new(taken, limit);
                }
                Err(error) => {
                    tracing::warn!(%error, "the shared limiter is down: this node admits its share");
                    self.rests_until.store(self.clock.now().plus(REST).as_micros(), Ordering::Relaxed);
                }
            }
        }
        let share = RateLimit::new(limit.get().div_ceil(shared.nodes.get())).unwrap_or(limit);
        let now = self.clock.now();
        let taken = self.local.take(key, share, now);
        if taken.admitted {
            self.alone.note(key, 1, now);
        }
        Verdict::new(taken, share)
    }

    /// Asks the shared counter for what it has besides the requests that it does not know.
    async fn ask(&self, shared: &Shared, key: KeyId, limit: RateLimit, now: Timestamp) -> StoreResult<Taken> {
        let (unknown, frees_in) = self.alone.count(key, now);
        let Ok(rest) = RateLimit::new(limit.get().saturating_sub(unknown)) else {
            return Ok(Taken { admitted: false, used: unknown, frees_in });
        };
        let taken = shared.store.take(key, rest).await?;
        // What this node admitted counts against its share, should the counter go down within the minute.
        if taken.admitted {
            self.local.note(key, 1, now);
        }
        Ok(Taken { used: taken.used.saturating_add(unknown), ..taken })
    }

    /// How it decides at the moment.
    pub fn mode(&self) -> Mode {
        match self.shared {
            None => Mode::Local,
            Some(_) if self.rests_until.load(Ordering::Relaxed) == UP => Mode::Shared,
            Some(_) => Mode::Degraded,
        }
    }

    /// Whether this request asks the shared counter. After a failure, one at a time does.
    fn asks(&self, now: Timestamp) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        let next = now.plus(REST).as_micros();
        let order = Ordering::Relaxed;
        until == UP
            || (until <= now.as_micros() && self.rests_until.compare_exchange(until, next, order, order).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use dalston_model::{Clock as _, ManualClock, SeededEntropy};
    use dalston_store::StoreError;
    use std::sync::atomic::AtomicBool;

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
    }

    #[tokio::test]
    async fn a_counter_that_is_down_leaves_each_node_its_share() {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let counter =
            Arc::new(Counter { windows: LocalLimiter::new(), clock: clock.clone(), down: AtomicBool::new(false) });
        let nodes = NonZeroU32::new(3).unwrap();
        let node = || Limiter::new(clock.clone(), Some(Shared { store: counter.clone(), nodes }));
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
        let node = Limiter::new(clock.clone(), Some(Shared { store: counter.clone(), nodes: NonZeroU32::MIN }));
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
