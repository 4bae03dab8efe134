//! Several nodes over minutes: what the module promises of slices, with each window looked at and each call counted.

use crate::{Limiter, Mode, Rates, Shared};
use async_trait::async_trait;
use dalston_model::{Clock, Entropy as _, KeyId, ManualClock, RateLimit, SeededEntropy, Timestamp};
use dalston_store::{Granted, LeaseRequest, LimitStore, MemoryCounter, StoreError, StoreResult, Taken};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const MINUTE: i64 = 60_000_000;

/// The clock of a node: another time of day, and a monotonic one that drifts.
struct Drifting {
    clock: Arc<ManualClock>,
    parts_per_million: i64,
}

impl Clock for Drifting {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.now().as_micros() + self.parts_per_million * 1_000_000)
    }

    fn monotonic(&self) -> Duration {
        let micros = i64::try_from(self.clock.monotonic().as_micros()).unwrap();
        Duration::from_micros(u64::try_from(micros + micros * self.parts_per_million / 1_000_000).unwrap())
    }
}

/// A counter behind a network: calls take up to ten milliseconds, and answers may be lost.
struct Far {
    counter: MemoryCounter,
    clock: Arc<ManualClock>,
    chance: SeededEntropy,
    calls: AtomicU64,
    loses: AtomicBool,
    down: AtomicBool,
}

impl Far {
    fn chance(&self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % most
    }

    async fn call<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("down"));
        }
        self.clock.advance(Duration::from_micros(self.chance(5_000)));
        let answer = work.await;
        self.clock.advance(Duration::from_micros(self.chance(5_000)));
        if self.loses.load(Ordering::Relaxed) && self.chance(5) == 0 {
            return Err(StoreError::unavailable("the answer is lost"));
        }
        answer
    }
}

#[async_trait]
impl LimitStore for Far {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Taken> {
        self.call(self.counter.take(key, limit)).await
    }

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<Granted> {
        self.call(self.counter.lease(key, request)).await
    }
}

/// Nodes that share a key's limit.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<Far>,
    nodes: Vec<Limiter>,
    key: KeyId,
    limit: RateLimit,
    admitted: Vec<i64>,
    refused: usize,
}

impl World {
    fn new(nodes: u32, limit: u32, seed: u64) -> Self {
        let clock = ManualClock::new(Timestamp::from_micros(1_700_000_000_123_456));
        let chance = SeededEntropy::new(seed);
        let store = Arc::new(Far {
            counter: MemoryCounter::new(clock.clone()),
            clock: clock.clone(),
            chance,
            calls: AtomicU64::new(0),
            loses: AtomicBool::new(false),
            down: AtomicBool::new(false),
        });
        let key = KeyId::new(clock.now(), &SeededEntropy::new(seed)).unwrap();
        let mut world = Self {
            clock,
            store,
            nodes: Vec::new(),
            key,
            limit: RateLimit::new(limit).unwrap(),
            admitted: Vec::new(),
            refused: 0,
        };
        world.nodes = (0..nodes).map(|node| world.node(nodes, u64::from(node) + seed)).collect();
        world
    }

    fn node(&self, nodes: u32, seed: u64) -> Limiter {
        let parts_per_million = i64::try_from(seed % 5).unwrap() * 200 - 400;
        let clock = Arc::new(Drifting { clock: self.clock.clone(), parts_per_million });
        let (store, nodes) = (self.store.clone(), NonZeroU32::new(nodes).unwrap());
        Limiter::new(clock, Some(Shared { store, nodes, rates: Rates::Leased(Arc::new(SeededEntropy::new(seed))) }))
    }

    /// A request at that node, and what the node does besides.
    async fn request(&mut self, node: usize) -> bool {
        let admitted = self.nodes[node].take(self.key, self.limit).await.admitted;
        if admitted {
            self.admitted.push(self.clock.now().as_micros());
        } else {
            self.refused += 1;
        }
        self.nodes[node].tend().await;
        admitted
    }

    /// Requests in turn at all nodes, so many a minute, for so long.
    async fn evenly(&mut self, per_minute: i64, minutes: i64) {
        let (start, mut sent) = (self.clock.now().as_micros(), 0);
        while self.clock.now().as_micros() < start + minutes * MINUTE {
            let due = start + sent * MINUTE / per_minute;
            let wait = due - self.clock.now().as_micros();
            self.clock.advance(Duration::from_micros(u64::try_from(wait).unwrap_or(0)));
            let node = usize::try_from(sent).unwrap() % self.nodes.len();
            self.request(node).await;
            sent += 1;
        }
    }

    /// The most that any window of 60 seconds holds.
    fn densest(&self) -> usize {
        let mut from = 0;
        let mut most = 0;
        for (last, at) in self.admitted.iter().enumerate() {
            while at - self.admitted[from] >= MINUTE {
                from += 1;
            }
            most = most.max(last - from + 1);
        }
        most
    }

    /// Forgets what was counted so far, but not what was admitted.
    fn mark(&mut self) -> (usize, u64) {
        self.refused = 0;
        (self.admitted.len(), self.store.calls.load(Ordering::Relaxed))
    }

    /// Requests admitted since the mark, and how many for each call.
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    fn since(&self, (admitted, calls): (usize, u64)) -> (f64, f64) {
        let admitted = (self.admitted.len() - admitted) as f64;
        (admitted, admitted / (self.store.calls.load(Ordering::Relaxed) - calls).max(1) as f64)
    }
}

#[tokio::test]
async fn at_ten_thousand_a_minute_slices_leave_98_percent_and_need_a_call_for_50() {
    for (nodes, seed) in [(2, 1), (4, 2)] {
        for per_minute in [9_800, 10_000, 12_000, 20_000] {
            let mut world = World::new(nodes, 10_000, seed);
            world.evenly(per_minute, 2).await;
            let mark = world.mark();
            world.evenly(per_minute, 5).await;
            let (admitted, per_call) = world.since(mark);
            let used = admitted / 50_000.0;
            println!(
                "{nodes} nodes, {per_minute} a minute: {:.2} % of the limit, {} refused, {per_call:.1} admitted a call, at \
                 most {} in a minute",
                used * 100.0,
                world.refused,
                world.densest()
            );
            assert!(world.densest() <= 10_000);
            assert!(per_call > 50.0);
            // Who asks for no more than 98 % is hardly ever refused, and who asks for more gets as much.
            assert!(if per_minute < 10_000 { used > 0.979 } else { used > 0.98 });
            assert_eq!(world.nodes[0].mode(), Mode::Leased);
        }
    }
}

#[tokio::test]
async fn all_that_comes_at_once_is_admitted_up_to_the_limit_each_minute() {
    for nodes in [2, 4] {
        let mut world = World::new(nodes, 10_000, 3);
        let mark = world.mark();
        for minute in 1..=4 {
            for request in 0..20_000 {
                world.clock.advance(Duration::from_micros(400));
                world.request(request % world.nodes.len()).await;
            }
            // Slices that were not spent have gone back, and the last of them is spent.
            let whole = 9_800 * minute;
            assert!(world.admitted.len() >= whole, "{} after {minute}", world.admitted.len());
            world.clock.advance(Duration::from_secs(56));
        }
        let (_, per_call) = world.since(mark);
        println!("{nodes} nodes, all at once: {} in four minutes, {per_call:.1} admitted a call", world.admitted.len());
        assert!(world.densest() <= 10_000 && per_call > 50.0);
    }
}

#[tokio::test]
async fn whatever_nodes_do_no_window_holds_more_than_the_limit() {
    for seed in 0..24 {
        let nodes = if seed % 2 == 0 { 2 } else { 4 };
        let limit = [700, 3_000, 60][usize::try_from(seed % 3).unwrap()];
        let mut world = World::new(nodes, limit, seed);
        world.store.loses.store(seed % 4 == 3, Ordering::Relaxed);
        let end = world.clock.now().as_micros() + 4 * MINUTE;
        let mut pace = 1;
        while world.clock.now().as_micros() < end {
            let node = usize::try_from(world.store.chance(u64::from(nodes))).unwrap();
            match world.store.chance(3_000) {
                // Dies, and another takes its place.
                0 => world.nodes[node] = world.node(nodes, world.store.chance(1_000)),
                1 => world.nodes[node].give_back().await,
                2 => world.clock.advance(Duration::from_micros(world.store.chance(20_000_000))),
                // Comes in bursts and trickles.
                3..30 => pace = 1 << world.store.chance(8),
                _ => {}
            }
            world.clock.advance(Duration::from_micros(world.store.chance(1_000 * pace)));
            world.request(node).await;
        }
        // Answers that are lost make a node fall back to its share, which the counter does not know.
        if seed % 4 != 3 {
            assert!(world.densest() <= limit as usize, "{} of {limit}, seed {seed}", world.densest());
        }
        assert!(world.admitted.len() > limit as usize, "hardly anything is admitted, seed {seed}");
    }
}

#[tokio::test]
async fn what_a_node_does_not_need_another_may_spend() {
    let mut world = World::new(2, 1_000, 5);
    for _ in 0..40 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.clock.advance(Duration::from_secs(4));
    world.nodes[0].tend().await;
    let mut admitted = 0;
    while world.request(1).await {
        admitted += 1;
    }
    assert_eq!(admitted, 960);
}

#[tokio::test]
async fn a_node_that_stops_gives_back_all_that_it_has() {
    let mut world = World::new(2, 1_000, 6);
    for _ in 0..40 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.nodes[0].give_back().await;
    let mut admitted = 0;
    while world.request(1).await {
        admitted += 1;
    }
    assert_eq!(admitted, 960);
}

#[tokio::test]
async fn a_lowered_limit_ends_what_is_in_hand_and_a_raised_one_a_refusal() {
    let mut world = World::new(1, 1_000, 7);
    for _ in 0..100 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.limit = RateLimit::new(100).unwrap();
    assert!(!world.request(0).await, "a hundred have gone");
    world.limit = RateLimit::new(103).unwrap();
    for admitted in [true, true, true, false] {
        assert_eq!(world.request(0).await, admitted);
    }
}

#[tokio::test]
async fn a_counter_that_is_down_leaves_what_is_in_hand_and_then_the_share() {
    let mut world = World::new(2, 1_000, 8);
    for _ in 0..200 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.store.down.store(true, Ordering::Relaxed);
    let mut admitted = 200;
    while world.request(0).await {
        admitted += 1;
        world.clock.advance(Duration::from_millis(1));
    }
    assert!((500..=512).contains(&admitted), "the half, and what was in hand: {admitted}");
    assert_eq!(world.nodes[0].mode(), Mode::Degraded);
    world.store.down.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(2));
    assert!(world.request(0).await, "the counter is asked again");
    assert_eq!(world.nodes[0].mode(), Mode::Leased);
    // It takes what was admitted alone into account.
    let mut more = 1;
    while world.request(0).await {
        more += 1;
    }
    assert!(admitted + more <= 1_000 && admitted + more >= 975, "{admitted} and {more}");
}

#[tokio::test]
async fn a_key_with_few_requests_asks_for_each() {
    let mut world = World::new(4, 10_000, 9);
    for _ in 0..50 {
        world.clock.advance(Duration::from_secs(1));
        assert!(world.request(0).await);
    }
    assert_eq!(world.store.calls.load(Ordering::Relaxed), 50);
}
