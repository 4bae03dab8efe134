//! The store's time, as estimated by this node. All nodes of a store agree when a key expires, whatever their own
//! clocks say.

use dalston_model::{Clock, SharedClock, Timestamp};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// If the store's clock runs ahead of the cached expiry times by more than this (250 ms, in microseconds), keys may be
/// used after they expire, so the cache must be emptied.
const AHEAD: i64 = 250_000;

/// Estimates the store's time: the last reading, plus the time that has passed since on the node's monotonic clock.
/// Before the first reading it is the node's own time.
pub(crate) struct StoreClock {
    node: SharedClock,
    seen: Mutex<Option<ClockReading>>,
}

/// A reading of the store's clock. An offset is the store's time less the node's monotonic time, in microseconds.
#[derive(Clone, Copy)]
struct ClockReading {
    /// When the last reading began.
    at: Duration,
    offset: i64,
    /// The offset on which the cached expiry times are based.
    kept: i64,
}

impl StoreClock {
    /// Creates the estimate, on a node with this clock.
    pub(crate) fn new(node: SharedClock) -> Self {
        Self { node, seen: Mutex::default() }
    }

    /// Records a reading of the store's clock: the store answered `now` to a request that was sent at `began` on the
    /// monotonic clock, and was answered just now. Returns whether the store's clock has run ahead of the cached expiry
    /// times.
    ///
    /// The store read its clock at some time between the two. The estimate assumes the beginning, which is the latest
    /// possible store time. So a key may expire too early, but not too late. Of several readings the quickest counts,
    /// until another one contradicts it.
    #[must_use]
    pub(crate) fn learn(&self, began: Duration, now: Timestamp) -> bool {
        let (most, least) = (between(now, began), between(now, self.node.monotonic()));
        let mut seen = self.seen();
        let before = seen.unwrap_or(ClockReading { at: began, offset: most, kept: most });
        let offset = if least > before.offset { most } else { most.min(before.offset) };
        let kept = before.kept.min(offset);
        let is_ahead = least > kept.saturating_add(AHEAD);
        *seen = Some(ClockReading { at: began, offset, kept: if is_ahead { offset } else { kept } });
        is_ahead
    }

    /// Returns whether the last reading of the store's clock is younger than `age`.
    pub(crate) fn is_fresh(&self, age: Duration) -> bool {
        self.seen().is_some_and(|seen| self.node.monotonic().saturating_sub(seen.at) < age)
    }

    fn seen(&self) -> MutexGuard<'_, Option<ClockReading>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.node.monotonic().as_micros()).unwrap_or(i64::MAX);
        let seen = *self.seen();
        seen.map_or_else(|| self.node.now(), |seen| Timestamp::from_micros(seen.offset.saturating_add(passed)))
    }

    fn monotonic(&self) -> Duration {
        self.node.monotonic()
    }
}

fn between(now: Timestamp, monotonic: Duration) -> i64 {
    now.as_micros().saturating_sub(i64::try_from(monotonic.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::ManualClock;
    use std::sync::Arc;

    const HOUR: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// Creates a node's clock, and its estimate of the store's time.
    fn node() -> (Arc<ManualClock>, StoreClock) {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        (clock.clone(), StoreClock::new(clock))
    }

    #[test]
    fn it_is_the_nodes_until_the_store_tells_and_then_runs_with_the_monotonic_one() {
        let (node, clock) = node();
        assert_eq!((clock.now(), clock.is_fresh(SECOND)), (node.now(), false));
        for store in [node.now().plus(HOUR), node.now().back(HOUR)] {
            let began = node.monotonic();
            assert!(!StoreClock::new(node.clone()).learn(began, store));
            let _ = clock.learn(began, store);
            assert_eq!((clock.now(), clock.is_fresh(SECOND)), (store, true));
            node.advance(SECOND);
            assert_eq!((clock.now(), clock.is_fresh(SECOND)), (store.plus(SECOND), false));
            // A jump of the node's clock does not change the store's time.
            node.set(node.now().back(HOUR));
            assert_eq!(clock.now(), store.plus(SECOND));
        }
    }

    #[test]
    fn a_slow_answer_is_taken_for_an_early_one() {
        let (node, clock) = node();
        let (began, store) = (node.monotonic(), node.now());
        node.advance(2 * SECOND);
        assert!(!clock.learn(began, store.plus(SECOND)));
        assert_eq!(clock.now(), store.plus(3 * SECOND));
        node.advance(SECOND);
        // The next reading is quick. The estimate goes back, but that is no jump of the store's clock.
        assert!(!clock.learn(node.monotonic(), store.plus(3 * SECOND)));
        assert_eq!(clock.now(), store.plus(3 * SECOND));
        // A slow reading after it adds no information.
        let began = node.monotonic();
        node.advance(SECOND);
        assert!(!clock.learn(began, store.plus(4 * SECOND)));
        assert_eq!(clock.now(), store.plus(4 * SECOND));
    }

    #[test]
    fn a_store_whose_clock_runs_ahead_is_noticed_at_once_or_by_and_by() {
        let (node, clock) = node();
        let store = node.now();
        assert!(!clock.learn(node.monotonic(), store));
        assert!(clock.learn(node.monotonic(), store.plus(HOUR)));
        assert!(!clock.learn(node.monotonic(), store.plus(HOUR)), "once");
        // A jump backwards does no harm to cached entries: they expire too early. But entries that are cached after it
        // are affected by the next jump ahead.
        assert!(!clock.learn(node.monotonic(), store));
        assert!(clock.learn(node.monotonic(), store.plus(HOUR)));
        let drifts = (1..=100)
            .filter(|millis| clock.learn(node.monotonic(), store.plus(HOUR).plus(Duration::from_millis(10 * millis))));
        assert_eq!(drifts.count(), 3, "a second in steps of ten milliseconds");
    }
}
