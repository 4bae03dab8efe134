//! Limits over two gateways that share a store, and over one whose counter is down.

use super::{densest, gap, limited};
use async_trait::async_trait;
use dalston_model::{Clock, KeyId, NodeId, RateLimit, SeededEntropy};
use dalston_store::{
    Acquired, GrantedLease, LeaseRequest, LimitStore, LocalAdmissions, NodePlace, StoreError, StoreResult,
};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    stores,
};
use std::sync::Arc;

/// Two gateways on one store.
async fn two(fixture: WorkFixture) -> (App, App) {
    let second = Start::default().on(stores::shared(&fixture)).start().await;
    (Start::default().on(fixture).start().await, second)
}

async fn two_gateways_admit_no_more_than_one(fixture: WorkFixture) {
    let (one, two) = two(fixture).await;
    let client = limited(&one, "jobs:read", 5).await;
    let same = two.with(client.secret.as_ref().unwrap());
    let chance = SeededEntropy::new(7);
    let (mut admitted, mut refused) = (Vec::new(), 0);
    for turn in 0..100 {
        one.clock.advance(gap(&chance));
        let answer = if turn % 3 == 0 { &client } else { &same }.get("/auth/me").await;
        match answer.code() {
            200 => admitted.push(one.clock.now().as_micros()),
            429 => refused += 1,
            _ => panic!("{}", answer.text),
        }
    }
    assert!(densest(&admitted) <= 5, "RATE-02");
    assert!(refused > 0 && admitted.len() > 10, "{refused} refused");
}

async fn fifty_at_once_over_two_gateways_are_admitted_up_to_the_limit(fixture: WorkFixture) {
    let (one, two) = two(fixture).await;
    let client = limited(&one, "jobs:read", 7).await;
    let same = two.with(client.secret.as_ref().unwrap());
    let both = (0..50).map(|turn| if turn % 2 == 0 { &client } else { &same }.get("/auth/me"));
    let answers = futures_util::future::join_all(both).await;
    let codes: Vec<u16> = answers.iter().map(kit::client::Answer::code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 7, "RATE-02 {codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 429).count(), 43, "{codes:?}");
}

async fn slices_over_two_gateways_add_up_to_the_limit(fixture: WorkFixture) {
    let (one, two) = two(fixture).await;
    let client = limited(&one, "jobs:read", 1_000).await;
    let same = two.with(client.secret.as_ref().unwrap());
    let hammer = async |client: &Client| {
        let mut admitted = 0;
        while client.get("/auth/me").await.code() == 200 {
            admitted += 1;
        }
        admitted
    };
    let both = (0..8).map(|turn| hammer(if turn % 2 == 0 { &client } else { &same }));
    let admitted: u32 = futures_util::future::join_all(both).await.iter().sum();
    assert!(admitted <= 1_000, "RATE-02 {admitted}");
    // Who was refused for a moment is gone: a slice may be left in the hand of either.
    assert!(admitted >= 980, "{admitted}");
    assert_eq!(one.master().get("/status").await.expect(200).json["admin"]["limiter"], "leased");
}

async fn a_key_revoked_on_one_gateway_is_dead_on_the_other(fixture: WorkFixture) {
    let (one, two) = two(fixture).await;
    let client = one.key("jobs:read").await;
    let same = two.with(client.secret.as_ref().unwrap());
    same.get("/auth/me").await.expect(200);
    one.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    client.get("/auth/me").await.expect(401);
    // The other node may answer from memory until it hears of it: within a second (REV-02).
    two.runtime.run_upkeep_once().await;
    same.get("/auth/me").await.expect(401);
    assert_eq!(one.master().get("/auth/keys").await.expect(200).ids().len(), 0, "REV-04");
}

/// The tests of two gateways on an engine that has a counter to share.
macro_rules! on {
    ($engine:ident: $($test:ident),+ $(,)?) => {
        mod $engine {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(kit::stores::$engine().await).await;
                }
            )+
        }
    };
}

on!(postgres:
    two_gateways_admit_no_more_than_one,
    fifty_at_once_over_two_gateways_are_admitted_up_to_the_limit,
    slices_over_two_gateways_add_up_to_the_limit,
    a_key_revoked_on_one_gateway_is_dead_on_the_other,
);
on!(redis:
    two_gateways_admit_no_more_than_one,
    fifty_at_once_over_two_gateways_are_admitted_up_to_the_limit,
    slices_over_two_gateways_add_up_to_the_limit,
    a_key_revoked_on_one_gateway_is_dead_on_the_other,
);

/// A counter that is down.
struct Down;

#[async_trait]
impl LimitStore for Down {
    async fn take(&self, _: KeyId, _: RateLimit) -> StoreResult<Acquired> {
        Err(StoreError::unavailable("down"))
    }

    async fn lease(&self, _: KeyId, _: &LeaseRequest) -> StoreResult<GrantedLease> {
        Err(StoreError::unavailable("down"))
    }

    async fn report(&self, _: KeyId, _: NodeId, _: &[LocalAdmissions]) -> StoreResult<()> {
        Err(StoreError::unavailable("down"))
    }

    async fn enlist(&self, _: NodeId, _: i64) -> StoreResult<NodePlace> {
        Err(StoreError::unavailable("down"))
    }

    async fn delist(&self, _: NodeId) -> StoreResult<()> {
        Err(StoreError::unavailable("down"))
    }
}

#[tokio::test]
async fn with_the_counter_down_a_node_admits_its_share_and_never_fails() {
    for (nodes, share) in [("1", 10), ("3", 3)] {
        let fixture = WorkFixture { limits: Some(Arc::new(Down)), ..stores::memory().await };
        let app = Start::default().set("DALSTON_NODES", nodes).on(fixture).start().await;
        let client = limited(&app, "admin", 10).await;
        for _ in 0..share {
            client.get("/auth/me").await.expect(200);
        }
        for _ in 0..20 {
            let refused = client.get("/auth/me").await.expect(429);
            assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0, "RATE-05 {nodes}");
        }
        let status = app.master().get("/status").await.expect(200);
        assert_eq!(status.json["admin"]["limiter"], "degraded");
    }
}

#[tokio::test]
async fn with_the_counter_down_who_has_no_share_is_told_of_an_outage() {
    for (name, value) in [("DALSTON_NODES", "100"), ("DALSTON_RATE_OUTAGE", "strict"), ("DALSTON_RATE_MODE", "shared")]
    {
        let fixture = WorkFixture { limits: Some(Arc::new(Down)), ..stores::memory().await };
        let app = Start::default().set(name, value).on(fixture).start().await;
        let client = limited(&app, "admin", 10).await;
        for path in ["/auth/me", "/auth/keys", "/nowhere"] {
            let answer = client.get(path).await.expect(503);
            assert_eq!((answer.problem(), answer.header("retry-after")), ("unavailable", "1"), "{name}");
        }
        let unlimited = app.key("admin").await;
        unlimited.get("/auth/me").await.expect(200);
    }
}
