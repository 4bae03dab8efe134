//! Simulation of outages: nodes that start, stop, crash and lose their connection to the counter.

use super::*;

/// For four minutes, nodes start, stop, crash and lose their connection, and requests arrive in bursts and one by one.
async fn storm(seed: u64, outage: OutagePolicy, lines: &[Line]) -> World {
    let nodes = if seed.is_multiple_of(2) { 2 } else { 4 };
    let limit = [700, 3_000, 60, 7, 1][usize::try_from(seed % 5).unwrap()];
    let mut world = World::with(nodes, limit, seed, outage).await;
    let end = world.clock.now().as_micros() + 4 * MINUTE;
    let mut pace = 1;
    while world.clock.now().as_micros() < end {
        let node = usize::try_from(world.store.chance(u64::from(nodes))).unwrap();
        match world.store.chance(3_000) {
            // The node crashes, and another replaces it.
            0 => world.nodes[node] = world.node(world.store.chance(1_000)),
            1 => world.nodes[node].limiter.release().await,
            2 => world.clock.advance(Duration::from_micros(world.store.chance(20_000_000))),
            3..12 => world.line(node, lines[usize::try_from(world.store.chance(lines.len() as u64)).unwrap()]),
            12..40 => pace = 1 << world.store.chance(8),
            _ => {}
        }
        world.clock.advance(Duration::from_micros(world.store.chance(1_000 * pace)));
        world.request(node).await;
    }
    assert!(world.admitted.len() >= (limit as usize).div_ceil(2), "hardly anything is admitted, seed {seed}");
    world
}

#[tokio::test]
async fn whatever_nodes_do_no_window_holds_more_than_the_limit() {
    for seed in 0..20 {
        let world = storm(seed, OutagePolicy::Share, &[Line::Up]).await;
        assert!(world.densest() <= world.limit.get() as usize, "{} of {}, seed {seed}", world.densest(), world.limit);
    }
}

#[tokio::test]
async fn whatever_fails_strict_nodes_admit_no_more_than_the_limit() {
    for seed in 0..40 {
        let world = storm(seed, OutagePolicy::Strict, &LINES).await;
        assert!(world.densest() <= world.limit.get() as usize, "{} of {}, seed {seed}", world.densest(), world.limit);
    }
}

#[tokio::test]
async fn whatever_fails_a_node_adds_no_more_than_its_share() {
    let mut local_admissions = 0;
    for seed in 0..40 {
        let world = storm(seed, OutagePolicy::Share, &LINES).await;
        let limit = world.limit.get() as usize;
        assert!(densest(&world.given) <= limit, "seed {seed}");
        for node in &world.nodes {
            assert!(densest(&node.local_admissions) <= limit, "seed {seed}");
            local_admissions += node.local_admissions.len();
        }
    }
    assert!(local_admissions > 1_000, "{local_admissions}");
}

/// Two nodes whose connections have these states for five seconds. Returns the number of requests that each admits
/// meanwhile, and that both admit in the same minute when the counter is back.
async fn cut(limit: u32, lines: [Line; 2], outage: OutagePolicy) -> ([usize; 2], usize) {
    let mut world = World::with(2, limit, u64::from(limit), outage).await;
    for (node, line) in lines.into_iter().enumerate() {
        world.line(node, line);
    }
    let mut admitted = [0; 2];
    for (node, admitted) in admitted.iter_mut().enumerate() {
        *admitted = world.drain(node).await;
    }
    world.clock.advance(Duration::from_secs(5));
    for node in 0..2 {
        world.line(node, Line::Up);
        world.nodes[node].limiter.refill().await;
    }
    let after = world.drain(0).await + world.drain(1).await;
    assert_eq!(densest(&world.admitted), admitted[0] + admitted[1] + after, "all in one minute");
    (admitted, after)
}

#[tokio::test]
async fn shares_of_nodes_that_are_all_cut_off_are_the_limit_and_count_when_the_counter_is_back() {
    for line in [Line::Late, Line::Dead] {
        for (limit, shares) in [(1, [1, 0]), (7, [4, 3]), (40, [20, 20])] {
            assert_eq!(cut(limit, [line; 2], OutagePolicy::Share).await, (shares, 0), "{line:?}");
        }
    }
}

#[tokio::test]
async fn a_node_that_is_cut_off_alone_adds_its_share_and_then_nothing() {
    for line in [Line::Late, Line::Dead] {
        for (limit, share) in [(1, 1), (7, 4), (40, 20)] {
            let (admitted, after) = cut(limit, [line, Line::Up], OutagePolicy::Share).await;
            assert_eq!((admitted[0], after), (share, 0), "{line:?}");
            // The counter may have counted a token whose reply came too late.
            assert!((limit as usize - 1..=limit as usize).contains(&admitted[1]), "{line:?} {admitted:?}");
        }
    }
}

#[tokio::test]
async fn a_strict_node_that_is_cut_off_adds_nothing() {
    for line in [Line::Late, Line::Dead] {
        for limit in [1, 7, 40] {
            assert_eq!(cut(limit, [line; 2], OutagePolicy::Strict).await.0, [0, 0]);
            let (admitted, after) = cut(limit, [line, Line::Up], OutagePolicy::Strict).await;
            assert!(admitted[0] == 0 && admitted[1] + after <= limit as usize, "{line:?} {admitted:?} {after}");
        }
    }
}

#[tokio::test]
async fn what_the_counter_gave_in_the_minute_is_part_of_the_share() {
    let mut world = World::new(2, 40, 3).await;
    for _ in 0..19 {
        assert!(world.request(0).await);
    }
    for node in 0..2 {
        world.line(node, Line::Late);
    }
    assert_eq!((world.drain(0).await, world.drain(1).await), (1, 20));
    for node in 0..2 {
        world.line(node, Line::Up);
        world.clock.advance(Duration::from_secs(1));
        world.nodes[node].limiter.refill().await;
    }
    assert_eq!((world.drain(0).await, world.drain(1).await), (0, 0));
}

#[tokio::test]
async fn a_counter_that_is_down_leaves_what_is_in_hand_and_then_the_share() {
    let mut world = World::new(2, 1_000, 8).await;
    for _ in 0..200 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.line(0, Line::Dead);
    let mut admitted = 200;
    while world.request(0).await {
        admitted += 1;
        world.clock.advance(Duration::from_millis(1));
    }
    assert!((500..=512).contains(&admitted), "the half, and what was in hand: {admitted}");
    assert_eq!(world.nodes[0].limiter.mode(), LimiterMode::Degraded);
    world.line(0, Line::Up);
    world.clock.advance(Duration::from_secs(2));
    assert!(world.request(0).await, "the counter is asked again");
    assert_eq!(world.nodes[0].limiter.mode(), LimiterMode::Leased);
    // The counter includes the local admissions.
    let mut more = 1;
    while world.request(0).await {
        more += 1;
    }
    assert!(admitted + more <= 1_000 && admitted + more >= 975, "{admitted} and {more}");
}
