//! The list of the nodes that share the counter: whichever place each of them received last, their shares add up to at
//! most the limit.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::{LimitStore, NODE_LEASE, NodePlace};
use dalston_model::{NodeId, OsEntropy, RateLimit, Timestamp};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// The counter and its clock.
#[derive(Clone)]
struct Counter {
    handle: StoreHandle,
    limits: Arc<dyn LimitStore>,
}

/// A node, and the place that it uses.
#[derive(Clone)]
struct Node {
    counter: Counter,
    id: NodeId,
    place: Option<NodePlace>,
    /// When it last registered.
    at: Timestamp,
}

impl Counter {
    fn of(fixture: &Fixture) -> Self {
        let Some(limits) = fixture.limits.clone() else { panic!("the engine has no shared counter") };
        Self { handle: StoreHandle::of(fixture), limits }
    }

    fn node(&self) -> Node {
        let at = self.handle.now();
        Node { counter: self.clone(), id: NodeId::new(at, &OsEntropy).unwrap(), place: None, at }
    }

    fn nodes<const NUMBER: usize>(&self) -> [Node; NUMBER] {
        [(); NUMBER].map(|()| self.node())
    }
}

impl Node {
    /// Registers, but loses the reply.
    async fn unheard(&mut self) -> NodePlace {
        self.at = self.counter.handle.now();
        let seen = self.place.map_or(0, |place| place.turn);
        self.counter.limits.enlist(self.id, seen).await.unwrap()
    }

    /// Registers. Returns the number of nodes and the rank.
    async fn enlist(&mut self) -> (u32, Option<u32>) {
        let place = self.unheard().await;
        self.place = Some(place);
        (place.nodes.get(), place.rank)
    }

    async fn delist(&self) {
        self.counter.limits.delist(self.id).await.unwrap();
    }

    fn share(&self, limit: u32) -> u32 {
        self.place.map_or(0, |place| place.share(RateLimit::new(limit).unwrap()))
    }
}

pub async fn a_node_alone_has_the_first_place(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let mut node = counter.node();
    for _ in 0..3 {
        assert_eq!(node.enlist().await, (1, Some(0)));
        counter.handle.clock.advance(SECOND * 600);
    }
}

pub async fn a_node_has_no_rank_before_all_others_know_of_it(fixture: &Fixture) {
    let [mut one, mut two, mut three] = Counter::of(fixture).nodes();
    assert_eq!(one.enlist().await, (1, Some(0)));
    assert_eq!(two.enlist().await, (2, None));
    assert_eq!(two.enlist().await, (2, None), "the first one may still have all");
    for _ in 0..2 {
        assert_eq!(one.enlist().await, (2, Some(0)));
    }
    assert_eq!(two.enlist().await, (2, Some(1)));
    assert_eq!(three.enlist().await, (3, None));
    for _ in 0..2 {
        assert_eq!(one.enlist().await, (3, Some(0)));
    }
    assert_eq!(three.enlist().await, (3, None), "the second one may still have a half");
    for _ in 0..2 {
        assert_eq!(two.enlist().await, (3, Some(1)));
    }
    assert_eq!(three.enlist().await, (3, Some(2)));
}

pub async fn an_answer_that_is_lost_tells_nobody_of_a_node(fixture: &Fixture) {
    let [mut one, mut two] = Counter::of(fixture).nodes();
    one.enlist().await;
    two.enlist().await;
    for _ in 0..3 {
        one.unheard().await;
        assert_eq!(two.enlist().await, (2, None), "the first one still goes by the list without the second");
    }
    one.enlist().await;
    assert_eq!(two.enlist().await, (2, None), "it has not said so yet");
    one.unheard().await;
    assert_eq!(two.enlist().await, (2, Some(1)));
}

pub async fn ranks_are_the_order_of_joining(fixture: &Fixture) {
    let mut nodes = Counter::of(fixture).nodes::<5>();
    for _ in 0..3 {
        for node in nodes.iter_mut().rev() {
            node.enlist().await;
        }
    }
    for (node, rank) in nodes.iter_mut().zip([4, 3, 2, 1, 0]) {
        assert_eq!(node.enlist().await, (5, Some(rank)));
    }
}

pub async fn a_node_that_is_not_heard_of_is_off_the_list(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let [mut one, mut two] = counter.nodes();
    one.enlist().await;
    counter.handle.clock.advance(SECOND);
    two.enlist().await;
    counter.handle.clock.advance(NODE_LEASE.saturating_sub(SECOND));
    assert_eq!(two.enlist().await, (2, None));
    counter.handle.clock.advance(Duration::from_millis(1));
    assert_eq!(two.enlist().await, (1, Some(0)));
    // When the node returns it is the last one, and the present nodes must confirm it first.
    assert_eq!(one.enlist().await, (2, None));
    for _ in 0..2 {
        assert_eq!(two.enlist().await, (2, Some(0)));
    }
    assert_eq!(one.enlist().await, (2, Some(1)));
}

pub async fn a_node_that_leaves_is_off_the_list_at_once(fixture: &Fixture) {
    let [mut one, mut two] = Counter::of(fixture).nodes();
    one.enlist().await;
    two.enlist().await;
    for _ in 0..2 {
        one.delist().await;
        assert_eq!(two.enlist().await, (1, Some(0)));
    }
}

pub async fn what_was_seen_of_another_list_does_not_count(fixture: &Fixture) {
    let [mut one, mut two] = Counter::of(fixture).nodes();
    for _ in 0..9 {
        one.enlist().await;
    }
    // The counter has forgotten all of these registrations.
    one.delist().await;
    two.enlist().await;
    one.unheard().await;
    assert_eq!(two.enlist().await, (2, Some(0)), "it was first, and the other one knows nobody yet");
    assert_eq!(one.unheard().await.rank, None);
}

pub async fn a_clock_that_is_set_back_keeps_nobody_on_the_list(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let [mut one, mut two] = counter.nodes();
    one.enlist().await;
    counter.handle.clock.set(Timestamp::from_micros(counter.handle.now().as_micros() - 3_600_000_000));
    assert_eq!(two.enlist().await, (2, None));
    counter.handle.clock.advance(NODE_LEASE + SECOND);
    assert_eq!(two.enlist().await, (1, Some(0)));
}

pub async fn parallel_nodes_get_places_of_their_own(fixture: &Fixture) {
    let mut nodes = Counter::of(fixture).nodes::<8>().to_vec();
    for _ in 0..4 {
        let enlist = |turn: usize| {
            let mut node = nodes[turn].clone();
            async move {
                node.enlist().await;
                node
            }
        };
        nodes = at_once(nodes.len(), enlist).await;
    }
    let mut places: Vec<_> = nodes.iter().filter_map(|node| node.place).map(|it| (it.nodes.get(), it.rank)).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3, 4, 5, 6, 7].map(|rank| (8, Some(rank))));
}

/// Nodes join, register, leave, die, lose replies and are cut off, pseudorandomly. Each node on the list uses the place
/// that it received last.
pub async fn shares_of_places_of_different_moments_add_up_to_the_limit(fixture: &Fixture) {
    let counter = Counter::of(fixture);
    let mut seed: u64 = 0x9E37_79B9;
    let mut chance = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % most
    };
    let (mut nodes, mut fullest) = (Vec::<Node>::new(), 0);
    for _ in 0..600 {
        counter.handle.clock.advance(Duration::from_millis(u64::try_from(chance(4_000)).unwrap()));
        let now = counter.handle.now();
        nodes.retain(|node| now.since(node.at) <= NODE_LEASE);
        let which = chance(nodes.len().max(1));
        match chance(20) {
            0 if !nodes.is_empty() => nodes.swap_remove(which).delist().await,
            1..3 if nodes.len() < 6 => {
                let mut node = counter.node();
                node.enlist().await;
                nodes.push(node);
            }
            3..6 if !nodes.is_empty() => drop(nodes[which].unheard().await),
            _ if !nodes.is_empty() => drop(nodes[which].enlist().await),
            _ => {}
        }
        for limit in [1, 7, 40] {
            let sum: u32 = nodes.iter().map(|node| node.share(limit)).sum();
            assert!(sum <= limit, "{sum} of {limit}");
            fullest += u32::from(sum == limit);
        }
    }
    assert!(fullest > 200, "the limit is hardly ever shared out: {fullest}");
}
