//! The shared counter: never more than the limit in any window of 60 seconds.

use super::{Fixture, handle::StoreHandle};
use crate::{Acquired, LimitStore};
use dalston_model::{KeyId, RateLimit, Timestamp};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The counter and one key to count.
struct Counter {
    handle: StoreHandle,
    limits: Arc<dyn LimitStore>,
    key: KeyId,
}

impl Counter {
    fn of(fixture: &Fixture) -> Self {
        let handle = StoreHandle::of(fixture);
        let Some(limits) = fixture.limits.clone() else { panic!("the engine has no shared counter") };
        // An odd offset from the full second, so that nothing falls on a slot boundary by accident.
        handle.clock.advance(Duration::from_micros(250_001));
        Self { key: handle.key_id(), handle, limits }
    }

    fn advance(&self, by: Duration) {
        self.handle.clock.advance(by);
    }

    async fn take(&self, limit: u32) -> Acquired {
        self.limits.take(self.key, RateLimit::new(limit).unwrap()).await.unwrap()
    }

    /// Takes tokens until one is refused, and returns the number that was admitted.
    async fn drain(&self, limit: u32) -> u32 {
        let mut admitted = 0;
        while self.take(limit).await.admitted {
            admitted += 1;
            assert!(admitted <= limit, "more than the limit");
        }
        admitted
    }
}

#[expect(clippy::unused_async, reason = "a rule like all others")]
pub async fn there_is_no_counter(fixture: &Fixture) {
    assert!(fixture.limits.is_none(), "it has a counter: write contract!(.., .., limits)");
}

pub async fn never_more_than_the_limit_is_admitted(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for used in 1..=5 {
        let taken = counter.take(5).await;
        assert_eq!((taken.admitted, taken.used), (true, used));
    }
    for _ in 0..3 {
        let taken = counter.take(5).await;
        assert_eq!((taken.admitted, taken.used), (false, 5));
    }
    let other = Counter { key: counter.handle.key_id(), ..counter };
    assert_eq!(other.drain(1).await, 1);
}

pub async fn a_unit_counts_for_its_minute_and_no_longer(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    assert_eq!(counter.drain(3).await, 3);
    counter.advance(SECOND * 60);
    let taken = counter.take(3).await;
    assert_eq!((taken.admitted, taken.used), (false, 3));
    counter.advance(SECOND);
    assert_eq!(counter.drain(3).await, 3);
    counter.advance(SECOND * 86_400 * 365);
    assert_eq!(counter.drain(3).await, 3);
}

pub async fn no_window_of_a_minute_holds_more_than_the_limit(fixture: &Fixture) {
    const LIMIT: usize = 7;
    let counter = Counter::of(fixture);
    let mut admitted = VecDeque::<Timestamp>::new();
    let mut step: u64 = 1;
    for _ in 0..600 {
        if counter.take(7).await.admitted {
            let now = counter.handle.now();
            admitted.push_back(now);
            if admitted.len() > LIMIT {
                let earlier = admitted.pop_front().unwrap();
                assert!(now.since(earlier) >= SECOND * 60, "{} in {:?}", LIMIT + 1, now.since(earlier));
            }
        }
        // Pseudorandom steps of 0 to 8 seconds.
        step = step.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        counter.advance(Duration::from_micros((step >> 33) % 8_000_000));
    }
    assert_eq!(admitted.len(), LIMIT, "nothing is admitted at all");
}

pub async fn steady_traffic_below_the_limit_is_never_refused(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for request in 0..285 {
        assert!(counter.take(60).await.admitted, "request {request} at 95 % of the limit");
        counter.advance(SECOND * 60 / 57);
    }
}

pub async fn a_refused_request_costs_nothing(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    assert_eq!(counter.drain(2).await, 2);
    for _ in 0..60 {
        counter.advance(SECOND);
        let taken = counter.take(2).await;
        assert_eq!((taken.admitted, taken.used), (false, 2));
    }
    counter.advance(SECOND);
    assert_eq!(counter.drain(2).await, 2);
}

pub async fn a_refused_request_is_told_when_there_is_room(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for wait in [0, 700, 20_300, 1, 45_999, 60_000, 3_141] {
        counter.advance(MILLISECOND * wait);
        counter.drain(4).await;
        counter.advance(MILLISECOND * 137);
        let refused = counter.take(4).await;
        assert!(!refused.admitted && refused.frees_in <= SECOND * 61);
        counter.advance(refused.frees_in.saturating_sub(MILLISECOND));
        assert!(!counter.take(4).await.admitted, "told too late");
        counter.advance(MILLISECOND);
        assert!(counter.take(4).await.admitted, "told too early");
    }
}

pub async fn an_admitted_request_is_told_when_the_oldest_ends(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let first = counter.take(3).await;
    assert!(first.frees_in >= SECOND * 60 && first.frees_in <= SECOND * 61, "{:?}", first.frees_in);
    counter.advance(SECOND * 10);
    let second = counter.take(3).await;
    assert_eq!(second.used, 2);
    assert!(first.frees_in.abs_diff(second.frees_in + SECOND * 10) <= MILLISECOND, "{:?}", second.frees_in);
    counter.advance(second.frees_in);
    assert_eq!(counter.take(3).await.used, 2, "the second and this one");
}

pub async fn a_lowered_limit_holds_at_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for _ in 0..10 {
        assert!(counter.take(10).await.admitted);
        counter.advance(SECOND);
    }
    let refused = counter.take(5).await;
    assert_eq!((refused.admitted, refused.used), (false, 10));
    // Six of the ten must stop counting first.
    assert!(refused.frees_in > SECOND * 55, "{:?}", refused.frees_in);
    counter.advance(refused.frees_in.saturating_sub(MILLISECOND));
    assert!(!counter.take(5).await.admitted, "told too late");
    counter.advance(MILLISECOND);
    let taken = counter.take(5).await;
    assert_eq!((taken.admitted, taken.used), (true, 5), "told too early");
}

pub async fn a_raised_limit_holds_at_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    assert_eq!(counter.drain(2).await, 2);
    assert_eq!(counter.drain(5).await, 3);
    let taken = counter.take(RateLimit::MAX).await;
    assert_eq!((taken.admitted, taken.used), (true, 6));
}

pub async fn keys_are_counted_apart(fixture: &Fixture) {
    let first = Counter::of(fixture);
    for _ in 0..30 {
        let counter =
            Counter { handle: first.handle.clone(), limits: first.limits.clone(), key: first.handle.key_id() };
        assert_eq!(counter.drain(2).await, 2);
    }
    assert_eq!(first.drain(2).await, 2);
}

pub async fn a_clock_that_is_set_back_admits_no_more_and_holds_nobody_longer(fixture: &Fixture) {
    for back in [1, 59, 61, 62, 120, 3_600, 86_400] {
        let counter = Counter::of(fixture);
        let late = counter.handle.now();
        assert_eq!(counter.drain(3).await, 3);
        counter.handle.clock.set(Timestamp::from_micros(late.as_micros() - back * 1_000_000));
        let refused = counter.take(3).await;
        assert_eq!((refused.admitted, refused.used), (false, 3), "{back} seconds back");
        assert!(refused.frees_in <= SECOND * 61, "{back} seconds back: {:?}", refused.frees_in);
        counter.advance(SECOND * 59);
        assert_eq!(counter.drain(3).await, 0, "{back} seconds back");
        counter.advance(SECOND * 2);
        assert_eq!(counter.drain(3).await, 3, "{back} seconds back");
    }
}

pub async fn a_clock_that_is_set_again_and_again_admits_no_more(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let step = |seconds: i64| {
        let at = counter.handle.now().as_micros() + seconds * 1_000_000;
        counter.handle.clock.set(Timestamp::from_micros(at));
    };
    assert!(counter.take(3).await.admitted);
    counter.advance(SECOND * 30);
    step(-3_600);
    assert!(counter.take(3).await.admitted);
    step(-62);
    assert!(counter.take(3).await.admitted);
    // A later step forward by the same amount counts as elapsed time.
    step(-59);
    assert!(!counter.take(3).await.admitted);
    step(59);
    assert_eq!((counter.take(3).await.used, counter.take(3).await.admitted), (3, false));
    counter.advance(SECOND * 2);
    assert_eq!(counter.drain(3).await, 3);
}

pub async fn parallel_takes_never_exceed_the_limit(fixture: &Fixture) {
    const LIMIT: u32 = 100;
    let counter = Counter::of(fixture);
    for _ in 0..3 {
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (limits, key) = (counter.limits.clone(), counter.key);
            tasks.spawn(async move {
                let mut admitted = 0;
                for _ in 0..6 {
                    let taken = limits.take(key, RateLimit::new(LIMIT).unwrap()).await.unwrap();
                    assert!(taken.used <= LIMIT);
                    admitted += u32::from(taken.admitted);
                }
                admitted
            });
        }
        assert_eq!(tasks.join_all().await.iter().sum::<u32>(), LIMIT);
        counter.advance(SECOND * 61);
    }
}
