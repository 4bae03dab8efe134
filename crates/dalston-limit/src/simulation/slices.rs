//! Simulation of token leases: their calls, and the part of the limit that remains usable.

use super::*;

#[tokio::test]
async fn at_ten_thousand_a_minute_slices_leave_98_percent_and_need_a_call_for_50() {
    for (nodes, seed) in [(2, 1), (4, 2)] {
        for per_minute in [9_800, 10_000, 12_000, 20_000] {
            let mut world = World::new(nodes, 10_000, seed).await;
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
            // Clients that send at most 98 % of the limit are hardly ever refused, and clients that send more are
            // admitted that much.
            assert!(if per_minute < 10_000 { used > 0.979 } else { used > 0.98 });
            assert_eq!(world.nodes[0].limiter.mode(), LimiterMode::Leased);
        }
    }
}

#[tokio::test]
async fn all_that_comes_at_once_is_admitted_up_to_the_limit_each_minute() {
    for nodes in [2, 4] {
        let mut world = World::new(nodes, 10_000, 3).await;
        let mark = world.mark();
        for minute in 1..=4 {
            for request in 0..20_000 {
                world.clock.advance(Duration::from_micros(400));
                world.request(request % world.nodes.len()).await;
            }
            // Unspent leases were released, and their tokens were spent.
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
async fn what_a_node_does_not_need_another_may_spend() {
    let mut world = World::new(2, 1_000, 5).await;
    for _ in 0..40 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.clock.advance(Duration::from_secs(4));
    world.nodes[0].limiter.refill().await;
    let mut admitted = 0;
    while world.request(1).await {
        admitted += 1;
    }
    assert_eq!(admitted, 960);
}

#[tokio::test]
async fn a_node_that_stops_gives_back_all_that_it_has() {
    let mut world = World::new(2, 1_000, 6).await;
    for _ in 0..40 {
        world.clock.advance(Duration::from_millis(5));
        assert!(world.request(0).await);
    }
    world.nodes[0].limiter.release().await;
    let mut admitted = 0;
    while world.request(1).await {
        admitted += 1;
    }
    assert_eq!(admitted, 960);
}

#[tokio::test]
async fn a_lowered_limit_ends_what_is_in_hand_and_a_raised_one_a_refusal() {
    let mut world = World::new(1, 1_000, 7).await;
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
async fn a_key_with_few_requests_asks_for_each() {
    let mut world = World::new(4, 10_000, 9).await;
    for _ in 0..50 {
        world.clock.advance(Duration::from_secs(1));
        assert!(world.request(0).await);
    }
    assert_eq!(world.store.calls.load(Ordering::Relaxed), 50);
}
