//! Simulation of several nodes over minutes: checks the promises about leases in every window, and counts the calls.

mod outages;
mod slices;

use crate::{CounterTiming, Limiter, LimiterMode, OutagePolicy, SharedCounter};
use async_trait::async_trait;
use dalston_model::{Clock, Entropy as _, KeyId, ManualClock, NodeId, RateLimit, SeededEntropy, Timestamp};
use dalston_store::{
    Acquired, GrantedLease, LeaseRequest, LimitStore, LocalAdmissions, MemoryCounter, NodePlace, StoreError,
    StoreResult,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const MINUTE: i64 = 60_000_000;

/// The clock of a node: its wall clock differs, and its monotonic clock drifts.
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

/// State of a node's connection to the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Up,
    /// One reply in five is lost.
    Loses,
    /// Calls arrive, but their replies come after the timeout.
    Late,
    /// No call arrives.
    Dead,
}

const LINES: [Line; 4] = [Line::Up, Line::Loses, Line::Late, Line::Dead];
/// Timeout of a call.
const DEADLINE: Duration = Duration::from_secs(2);

/// The counter and a source of randomness.
struct Center {
    counter: MemoryCounter,
    clock: Arc<ManualClock>,
    chance: SeededEntropy,
    /// Number of calls for tokens and leases.
    calls: AtomicU64,
}

impl Center {
    fn chance(&self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % most
    }
}

/// The counter behind a network: a call takes up to ten milliseconds.
struct Far {
    center: Arc<Center>,
    line: Mutex<Line>,
}

impl Far {
    fn line(&self) -> Line {
        *self.line.lock().unwrap()
    }

    async fn call<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let clock = &self.center.clock;
        clock.advance(Duration::from_micros(self.center.chance(5_000)));
        if self.line() == Line::Dead {
            return Err(StoreError::unavailable("down"));
        }
        let answer = work.await;
        clock.advance(Duration::from_micros(self.center.chance(5_000)));
        match self.line() {
            Line::Late => {
                clock.advance(DEADLINE);
                Err(StoreError::unavailable("late"))
            }
            Line::Loses if self.center.chance(5) == 0 => Err(StoreError::unavailable("the answer is lost")),
            _ => answer,
        }
    }
}

#[async_trait]
impl LimitStore for Far {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        self.center.calls.fetch_add(1, Ordering::Relaxed);
        self.call(self.center.counter.take(key, limit)).await
    }

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease> {
        self.center.calls.fetch_add(1, Ordering::Relaxed);
        self.call(self.center.counter.lease(key, request)).await
    }

    async fn report(&self, key: KeyId, node: NodeId, local_admissions: &[LocalAdmissions]) -> StoreResult<()> {
        self.call(self.center.counter.report(key, node, local_admissions)).await
    }

    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace> {
        self.call(self.center.counter.enlist(node, seen)).await
    }

    async fn delist(&self, node: NodeId) -> StoreResult<()> {
        self.call(self.center.counter.delist(node)).await
    }
}

/// A node and its connection to the counter.
struct SimulatedNode {
    limiter: Limiter,
    far: Arc<Far>,
    /// Times at which it admitted requests without the counter.
    local_admissions: Vec<i64>,
}

/// Nodes that share a key's limit.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<Center>,
    nodes: Vec<SimulatedNode>,
    outage: OutagePolicy,
    key: KeyId,
    limit: RateLimit,
    admitted: Vec<i64>,
    /// Times of the requests that the counter granted.
    given: Vec<i64>,
    refused: usize,
}

impl World {
    async fn new(nodes: u32, limit: u32, seed: u64) -> Self {
        Self::with(nodes, limit, seed, OutagePolicy::Share).await
    }

    async fn with(nodes: u32, limit: u32, seed: u64, outage: OutagePolicy) -> Self {
        let clock = ManualClock::new(Timestamp::from_micros(1_700_000_000_123_456));
        let chance = SeededEntropy::new(seed);
        let store = Arc::new(Center {
            counter: MemoryCounter::new(clock.clone()),
            clock: clock.clone(),
            chance,
            calls: AtomicU64::new(0),
        });
        let key = KeyId::new(clock.now(), &SeededEntropy::new(seed)).unwrap();
        let mut world = Self {
            clock,
            store,
            nodes: Vec::new(),
            outage,
            key,
            limit: RateLimit::new(limit).unwrap(),
            admitted: Vec::new(),
            given: Vec::new(),
            refused: 0,
        };
        world.nodes = (0..nodes).map(|node| world.node(u64::from(node) + seed)).collect();
        for _ in 0..3 {
            for node in &world.nodes {
                node.limiter.enlist().await.unwrap();
            }
        }
        world
    }

    fn node(&self, seed: u64) -> SimulatedNode {
        let parts_per_million = i64::try_from(seed % 5).unwrap() * 200 - 400;
        let clock = Arc::new(Drifting { clock: self.clock.clone(), parts_per_million });
        let far = Arc::new(Far { center: self.store.clone(), line: Mutex::new(Line::Up) });
        let node = NodeId::new(self.clock.now(), &self.store.chance).unwrap();
        let rates = CounterTiming::Leased(Arc::new(SeededEntropy::new(seed)));
        let shared = SharedCounter { store: far.clone(), node, nodes: None, rates, outage: self.outage };
        SimulatedNode { limiter: Limiter::new(clock, Some(shared)), far, local_admissions: Vec::new() }
    }

    fn line(&self, node: usize, line: Line) {
        *self.nodes[node].far.line.lock().unwrap() = line;
    }

    /// Sends a request to the node, and runs the node's background work.
    async fn request(&mut self, node: usize) -> bool {
        let limit = self.limit;
        let node = &mut self.nodes[node];
        let verdict = node.limiter.take(self.key, limit).await;
        let at = self.clock.now().as_micros();
        let admitted = verdict.is_ok_and(|verdict| verdict.admitted);
        match verdict {
            Ok(verdict) if verdict.admitted => {
                self.admitted.push(at);
                // A node's share may be the whole limit: then leased tokens count as a part of the share.
                let whole = limit.get() == 1 || node.limiter.nodes().is_some_and(|nodes| nodes.get() == 1);
                let local_admissions =
                    node.limiter.mode() == LimiterMode::Degraded && (whole || verdict.limit != limit);
                if local_admissions { &mut node.local_admissions } else { &mut self.given }.push(at);
            }
            _ => self.refused += 1,
        }
        node.limiter.refill().await;
        admitted
    }

    /// Sends requests to the node until one is refused. Returns the number admitted.
    async fn drain(&mut self, node: usize) -> usize {
        let mut admitted = 0;
        while self.request(node).await {
            admitted += 1;
        }
        admitted
    }

    /// Sends requests to all nodes in turn, `per_minute` requests a minute for `minutes` minutes.
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

    /// The maximum number of admitted requests in any window of 60 seconds.
    fn densest(&self) -> usize {
        densest(&self.admitted)
    }

    /// Starts a measurement: resets the number of refused requests. Returns the number of admitted requests and of
    /// calls so far.
    fn mark(&mut self) -> (usize, u64) {
        self.refused = 0;
        (self.admitted.len(), self.store.calls.load(Ordering::Relaxed))
    }

    /// The number of requests admitted since the mark, and the number admitted per call.
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    fn since(&self, (admitted, calls): (usize, u64)) -> (f64, f64) {
        let admitted = (self.admitted.len() - admitted) as f64;
        (admitted, admitted / (self.store.calls.load(Ordering::Relaxed) - calls).max(1) as f64)
    }
}

/// The maximum number of requests in any window of 60 seconds.
fn densest(admitted: &[i64]) -> usize {
    let (mut from, mut most) = (0, 0);
    for (last, at) in admitted.iter().enumerate() {
        while at - admitted[from] >= MINUTE {
            from += 1;
        }
        most = most.max(last - from + 1);
    }
    most
}
