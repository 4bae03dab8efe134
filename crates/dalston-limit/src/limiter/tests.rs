//! Limiters of several nodes with a counter that can be switched off.

use super::*;
use crate::{CounterTiming, OutagePolicy, breaker::OPEN_FOR};
use async_trait::async_trait;
use dalston_model::{Clock as _, ManualClock, NodeId, SeededEntropy, Timestamp};
use dalston_store::{
    Acquired, GrantedLease, LeaseRequest, LimitStore, LocalAdmissions, MemoryCounter, NodePlace, StoreError,
    StoreResult,
};
use std::sync::atomic::{AtomicBool, Ordering};

struct Counter {
    counter: MemoryCounter,
    down: AtomicBool,
}

impl Counter {
    async fn call<T>(&self, call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        if self.down.load(Ordering::SeqCst) { Err(StoreError::unavailable("down")) } else { call.await }
    }
}

#[async_trait]
impl LimitStore for Counter {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        self.call(self.counter.take(key, limit)).await
    }

    async fn lease(&self, _: KeyId, _: &LeaseRequest) -> StoreResult<GrantedLease> {
        Err(StoreError::unavailable("not asked"))
    }

    async fn report(&self, key: KeyId, node: NodeId, local_admissions: &[LocalAdmissions]) -> StoreResult<()> {
        self.call(self.counter.report(key, node, local_admissions)).await
    }

    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace> {
        self.call(self.counter.enlist(node, seen)).await
    }

    async fn delist(&self, node: NodeId) -> StoreResult<()> {
        self.call(self.counter.delist(node)).await
    }
}

struct World {
    clock: Arc<ManualClock>,
    counter: Arc<Counter>,
    entropy: SeededEntropy,
    key: KeyId,
    limit: RateLimit,
}

impl World {
    fn new(limit: u32) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let counter = Counter { counter: MemoryCounter::new(clock.clone()), down: AtomicBool::new(false) };
        let entropy = SeededEntropy::new(1);
        let key = KeyId::new(clock.now(), &entropy).unwrap();
        Self { clock, counter: Arc::new(counter), entropy, key, limit: RateLimit::new(limit).unwrap() }
    }

    fn node(&self, outage: OutagePolicy, nodes: Option<u32>) -> Limiter {
        let node = NodeId::new(self.clock.now(), &self.entropy).unwrap();
        let nodes = nodes.and_then(NonZeroU32::new);
        let shared = SharedCounter { store: self.counter.clone(), node, nodes, rates: CounterTiming::Shared, outage };
        Limiter::new(self.clock.clone(), Some(shared))
    }

    /// Nodes that have all received their place.
    async fn nodes<const NUMBER: usize>(&self, outage: OutagePolicy) -> [Limiter; NUMBER] {
        let nodes = [(); NUMBER].map(|()| self.node(outage, None));
        for _ in 0..3 {
            for node in &nodes {
                node.enlist().await.unwrap();
            }
        }
        nodes
    }

    fn down(&self, down: bool) {
        self.counter.down.store(down, Ordering::SeqCst);
        self.clock.advance(OPEN_FOR);
    }

    /// Takes tokens until a request is refused. Returns the number admitted, and how the last one was refused.
    async fn drain(&self, node: &Limiter) -> (u32, Result<(), CounterUnavailable>) {
        let mut admitted = 0;
        loop {
            match node.take(self.key, self.limit).await {
                Ok(verdict) if verdict.admitted => admitted += 1,
                refused => return (admitted, refused.map(drop)),
            }
        }
    }
}

#[tokio::test]
async fn a_counter_that_is_down_leaves_each_node_its_share() {
    let world = World::new(11);
    let nodes = world.nodes::<3>(OutagePolicy::Share).await;
    for _ in 0..3 {
        assert!(nodes[0].take(world.key, world.limit).await.unwrap().admitted);
    }
    assert_eq!((nodes[0].mode(), nodes[0].nodes().unwrap().get()), (LimiterMode::Shared, 3));
    world.down(true);
    assert_eq!(world.drain(&nodes[0]).await, (1, Ok(())), "the fourth of a share of four");
    assert_eq!(nodes[0].mode(), LimiterMode::Degraded);
    assert_eq!(world.drain(&nodes[1]).await, (4, Ok(())));
    assert_eq!(world.drain(&nodes[2]).await, (3, Ok(())), "eleven in all");
    world.down(false);
    for node in &nodes {
        node.refill().await;
        assert_eq!(node.mode(), LimiterMode::Shared);
    }
    for node in &nodes {
        assert_eq!(world.drain(node).await, (0, Ok(())), "they have reported what they admitted");
    }
    world.clock.advance(Duration::from_secs(62));
    assert_eq!(world.drain(&nodes[2]).await, (11, Ok(())));
}

#[tokio::test]
async fn a_limit_that_does_not_go_round_is_refused_by_nobody() {
    let world = World::new(1);
    let [one, two] = world.nodes(OutagePolicy::Share).await;
    world.down(true);
    assert_eq!(world.drain(&one).await, (1, Ok(())));
    assert_eq!(world.drain(&two).await, (0, Err(CounterUnavailable)), "an outage is no refusal");
}

#[tokio::test]
async fn a_strict_node_admits_nothing_without_the_counter() {
    let world = World::new(10);
    let [one] = world.nodes(OutagePolicy::Strict).await;
    assert!(one.take(world.key, world.limit).await.unwrap().admitted);
    world.down(true);
    assert_eq!(world.drain(&one).await, (0, Err(CounterUnavailable)));
    assert_eq!(one.try_take(world.key, world.limit, world.clock.monotonic()), None);
    world.down(false);
    assert_eq!(world.drain(&one).await, (9, Ok(())), "a request tries whether it answers");
    assert_eq!(one.mode(), LimiterMode::Shared);
}

#[tokio::test]
async fn a_node_that_does_not_know_its_place_has_what_each_has_at_least() {
    let world = World::new(10);
    world.down(true);
    assert_eq!(world.drain(&world.node(OutagePolicy::Share, None)).await, (0, Err(CounterUnavailable)));
    assert_eq!(world.drain(&world.node(OutagePolicy::Share, Some(3))).await, (3, Ok(())));
    assert_eq!(world.drain(&world.node(OutagePolicy::Share, Some(100))).await, (0, Err(CounterUnavailable)));
}

#[tokio::test]
async fn what_a_node_admitted_alone_counts_for_all_when_the_counter_is_back() {
    let world = World::new(10);
    let [one, two] = world.nodes(OutagePolicy::Share).await;
    world.down(true);
    assert_eq!(world.drain(&one).await, (5, Ok(())));
    world.down(false);
    one.refill().await;
    assert_eq!(world.drain(&two).await, (5, Ok(())));
    world.down(true);
    assert_eq!(world.drain(&one).await, (0, Ok(())), "its share of this minute is used up");
    assert_eq!(world.drain(&two).await, (0, Ok(())));
}

#[tokio::test]
async fn a_node_that_stops_leaves_unless_it_admitted_anything_alone() {
    let world = World::new(10);
    let [one, two, three] = world.nodes(OutagePolicy::Share).await;
    one.release().await;
    two.enlist().await.unwrap();
    assert_eq!(two.nodes().unwrap().get(), 2);
    world.down(true);
    assert_eq!(world.drain(&three).await.0, 3);
    world.down(false);
    three.refill().await;
    three.release().await;
    two.enlist().await.unwrap();
    assert_eq!(two.nodes().unwrap().get(), 2, "its share of this minute is used");
}

#[tokio::test]
async fn no_step_of_the_time_of_day_holds_anybody() {
    for back in [1, 59, 62, 3_600] {
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let limiter = Limiter::new(clock.clone(), None);
        let (key, limit) = (KeyId::new(clock.now(), &SeededEntropy::new(1)).unwrap(), RateLimit::new(1).unwrap());
        let take = async || limiter.take(key, limit).await.unwrap();
        clock.advance(Duration::from_secs(10));
        assert!(take().await.admitted);
        for _ in 0..2 {
            clock.set(Timestamp::from_micros(clock.now().as_micros() - back * 1_000_000));
            let refused = take().await;
            assert!(!refused.admitted && refused.resets_in <= 61, "{back} seconds back: {}", refused.resets_in);
        }
        clock.advance(Duration::from_secs(61));
        assert!(take().await.admitted, "{back} seconds back");
    }
}
