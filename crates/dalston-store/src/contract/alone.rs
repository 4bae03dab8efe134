//! Requests that nodes admitted locally, without the counter: they count afterwards, and only once.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::{LimitStore, LocalAdmissions};
use dalston_model::{KeyId, NodeId, OsEntropy, RateLimit, Timestamp};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// The counter, one key to count, and a node.
#[derive(Clone)]
struct Counter {
    handle: StoreHandle,
    limits: Arc<dyn LimitStore>,
    key: KeyId,
    node: NodeId,
}

impl Counter {
    fn of(fixture: &Fixture) -> Self {
        let handle = StoreHandle::of(fixture);
        let Some(limits) = fixture.limits.clone() else { panic!("the engine has no shared counter") };
        handle.clock.advance(Duration::from_micros(50_001));
        let node = NodeId::new(handle.now(), &OsEntropy).unwrap();
        Self { key: handle.key_id(), handle, limits, node }
    }

    /// Reports seconds: the number of each, its age in slots and its units.
    async fn report(&self, seconds: &[(i64, i64, u32)]) {
        let alone: Vec<_> =
            seconds.iter().map(|&(second, age, units)| LocalAdmissions { second, age, units }).collect();
        self.limits.report(self.key, self.node, &alone).await.unwrap();
    }

    /// Takes one token. Returns how many count, and whether this one was admitted.
    async fn take(&self, limit: u32) -> (u32, bool) {
        let taken = self.limits.take(self.key, RateLimit::new(limit).unwrap()).await.unwrap();
        (taken.used, taken.admitted)
    }
}

pub async fn what_a_node_admitted_alone_counts(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    assert_eq!(counter.take(10).await, (1, true));
    counter.report(&[(7, 40, 3), (8, 36, 1), (12, 0, 2)]).await;
    assert_eq!(counter.take(8).await, (8, true));
    assert_eq!(counter.take(8).await, (8, false));
    // Each second keeps its age: of the 241 slots, 40, 36 and none have passed.
    for (passed, used) in [(50, 8), (1, 5), (1, 4)] {
        counter.handle.clock.advance(SECOND * passed);
        assert_eq!(counter.take(used).await, (used, false));
    }
}

pub async fn a_report_that_comes_again_counts_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for turn in 0..4 {
        counter.report(&[(7, 4 * turn, 3), (8, 0, 2)]).await;
        assert_eq!(counter.take(5).await, (5, false));
        counter.handle.clock.advance(SECOND);
    }
}

pub async fn a_report_out_of_order_counts_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    counter.report(&[(7, 1, 5)]).await;
    counter.report(&[(7, 0, 2)]).await;
    assert_eq!(counter.take(5).await, (5, false));
    counter.report(&[]).await;
    assert_eq!(counter.take(5).await, (5, false));
}

pub async fn a_second_that_grew_counts_what_is_new(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for units in [1, 1, 4, 6, 5] {
        counter.report(&[(7, 0, units)]).await;
    }
    assert_eq!(counter.take(6).await, (6, false));
    // What a later report adds counts from that report on: rather too long than too short.
    counter.handle.clock.advance(SECOND * 61);
    assert_eq!(counter.take(6).await, (1, true));
}

pub async fn nodes_report_apart(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let other = Counter { node: NodeId::new(counter.handle.now(), &OsEntropy).unwrap(), ..counter.clone() };
    for node in [&counter, &other, &counter, &other] {
        node.report(&[(7, 0, 2)]).await;
    }
    assert_eq!(counter.take(4).await, (4, false));
    let key = Counter { key: counter.handle.key_id(), ..counter };
    assert_eq!(key.take(1).await, (1, true), "and keys too");
}

pub async fn a_report_may_exceed_the_limit(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    for _ in 0..3 {
        assert!(counter.take(3).await.1);
    }
    counter.handle.clock.advance(SECOND * 10);
    counter.report(&[(7, 0, 2)]).await;
    assert_eq!(counter.take(3).await, (5, false));
    counter.handle.clock.advance(SECOND * 51);
    assert_eq!(counter.take(3).await, (3, true), "the first three are gone");
    assert_eq!(counter.take(3).await, (3, false));
}

pub async fn what_is_older_than_a_window_does_not_count(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    counter.report(&[(1, 240, 1), (2, 241, 4), (3, 100_000, 4)]).await;
    assert_eq!(counter.take(1).await, (1, false));
    counter.handle.clock.advance(Duration::from_millis(250));
    assert_eq!(counter.take(1).await, (1, true));
}

pub async fn a_report_survives_a_clock_that_is_set_back(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    counter.report(&[(7, 0, 3)]).await;
    counter.handle.clock.set(Timestamp::from_micros(counter.handle.now().as_micros() - 3_600_000_000));
    counter.report(&[(7, 0, 3)]).await;
    assert_eq!(counter.take(3).await, (3, false));
    counter.handle.clock.advance(SECOND * 59);
    counter.report(&[(7, 236, 4)]).await;
    assert_eq!(counter.take(4).await, (4, false));
    counter.handle.clock.advance(SECOND * 2);
    assert!(counter.take(4).await.1);
}

pub async fn parallel_reports_count_once(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let report = |turn: usize| {
        let counter = counter.clone();
        async move { counter.report(&[(7, 0, u32::try_from(turn % 5).unwrap() + 1)]).await }
    };
    at_once(20, report).await;
    assert_eq!(counter.take(5).await, (5, false));
}
