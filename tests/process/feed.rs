//! A node that hears badly of what others change: an answer from memory is never older than the bound, whatever is lost,
//! late, or told twice.

use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    feed::{Fault, Feed},
    process::eventually,
    stores,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};

/// `DALSTON_FRESHNESS`, where nothing else is set.
const BOUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;

/// Two gateways on one store, each with connections of its own. Only the other one hears badly.
struct Nodes {
    here: App,
    there: App,
    feed: Arc<Feed>,
    admin: Client,
    /// Whose key stays: an answer that is too old costs a read, and refuses nobody.
    live: Client,
}

/// A key that the other node answers for from memory.
struct Revoked {
    path: String,
    here: Client,
    there: Client,
}

impl Nodes {
    async fn start(fixture: WorkFixture) -> Self {
        let other = WorkFixture { store: fixture.other_node().await, ..stores::shared(&fixture) };
        let feed = Feed::new(other.store.clone());
        let there = Start::default().feed(feed.clone()).on(other).start().await;
        let here = Start::default().on(fixture).start().await;
        let (admin, live) = (here.key("admin").await, here.key("jobs:read").await);
        let live = there.with(live.secret.as_ref().unwrap());
        Self { here, there, feed, admin, live }
    }

    async fn key(&self) -> Revoked {
        let here = self.here.key("jobs:read").await;
        let there = self.there.with(here.secret.as_ref().unwrap());
        self.there.runtime.run_upkeep_once().await;
        let key = Revoked { path: format!("/auth/keys/{}", here.id.unwrap()), here, there };
        let before = self.there.runtime.gate.memory().hits;
        for _ in 0..3 {
            key.there.get("/auth/me").await.expect(200);
        }
        assert!(self.there.runtime.gate.memory().hits > before, "it is in memory");
        key
    }

    /// Revokes it: where that was done it is dead from then on.
    async fn revoke(&self, key: &Revoked) {
        self.admin.delete(&key.path).await.expect(200);
        key.here.get("/auth/me").await.expect(401);
    }

    /// The revoked key is dead on the other node, and the live one lives.
    async fn knows(&self, key: &Revoked) {
        for _ in 0..2 {
            key.there.get("/auth/me").await.expect(401);
            self.live.get("/auth/me").await.expect(200);
        }
    }

    /// The other node asks what changed, and waits.
    async fn asks(&self, fault: Fault) -> JoinHandle<()> {
        self.feed.fails(fault);
        let runtime = self.there.runtime.clone();
        let asking = tokio::spawn(async move { runtime.run_upkeep_once().await });
        self.feed.is_held().await;
        asking
    }

    async fn is_answered(&self, asking: JoinHandle<()>) {
        self.feed.fails(Fault::None);
        asking.await.unwrap();
    }
}

/// The other node hears what is revoked, round by round: the clock stands, so no answer becomes too old.
async fn hears(nodes: &Nodes) {
    for _ in 0..ROUNDS {
        let key = nodes.key().await;
        nodes.revoke(&key).await;
        eventually("it is heard of", async || key.there.get("/auth/me").await.code() == 401).await;
        nodes.knows(&key).await;
    }
}

async fn without_wake_ups_a_revoked_key_is_refused_at_the_next_beat(nodes: Nodes) {
    let (runtime, (end, ending)) = (nodes.there.runtime.clone(), watch::channel(()));
    let listening = tokio::spawn(async move { runtime.follow_changes(ending).await });
    hears(&nodes).await;
    nodes.feed.fails(Fault::Cut);
    hears(&nodes).await;
    drop(end);
    listening.await.unwrap();
}

async fn a_node_that_cannot_even_begin_to_listen_goes_by_the_beat(nodes: Nodes) {
    nodes.feed.fails(Fault::Cut);
    let (runtime, (end, ending)) = (nodes.there.runtime.clone(), watch::channel(()));
    let listening = tokio::spawn(async move { runtime.follow_changes(ending).await });
    hears(&nodes).await;
    drop(end);
    listening.await.unwrap();
}

async fn a_frozen_feed_ends_what_is_known_at_the_bound(nodes: Nodes) {
    for _ in 0..ROUNDS {
        let key = nodes.key().await;
        let asking = nodes.asks(Fault::Frozen).await;
        nodes.revoke(&key).await;
        nodes.here.clock.advance(BOUND);
        nodes.knows(&key).await;
        nodes.is_answered(asking).await;
        nodes.knows(&key).await;
    }
}

async fn an_answer_that_comes_late_proves_nothing_after_the_bound(nodes: Nodes) {
    for _ in 0..ROUNDS {
        let key = nodes.key().await;
        let asking = nodes.asks(Fault::Late).await;
        nodes.revoke(&key).await;
        nodes.here.clock.advance(BOUND);
        nodes.knows(&key).await;
        nodes.is_answered(asking).await;
        nodes.knows(&key).await;
    }
}

async fn an_answer_is_as_old_as_its_question(nodes: Nodes) {
    for _ in 0..ROUNDS {
        let key = nodes.key().await;
        let asking = nodes.asks(Fault::Late).await;
        nodes.revoke(&key).await;
        nodes.here.clock.advance(BOUND / 2);
        nodes.is_answered(asking).await;
        nodes.here.clock.advance(BOUND / 2);
        nodes.knows(&key).await;
    }
}

async fn an_old_primary_vouches_for_no_longer_than_its_address_was_seen(nodes: Nodes) {
    for doubt in [BOUND, BOUND / 2, BOUND / 4] {
        nodes.feed.was_seen(Duration::ZERO);
        nodes.feed.fails(Fault::None);
        nodes.here.clock.advance(BOUND);
        let key = nodes.key().await;
        nodes.revoke(&key).await;
        nodes.feed.fails(Fault::Old);
        nodes.here.clock.advance(doubt);
        nodes.feed.was_seen(doubt);
        nodes.there.runtime.run_upkeep_once().await;
        nodes.here.clock.advance(BOUND - doubt);
        nodes.knows(&key).await;
    }
}

/// What is known may still be served; but a read that finds the key dead is no answer of a live one.
async fn a_key_that_the_store_says_is_dead_is_not_shown_as_live(nodes: Nodes) {
    const JOBS: &str = "/v1/audio/transcriptions";
    for is_revoked in [true, false] {
        let here = nodes.here.key("jobs:read").await;
        let there = nodes.there.with(here.secret.as_ref().unwrap());
        nodes.there.runtime.run_upkeep_once().await;
        there.get(JOBS).await.expect(200);
        let asking = nodes.asks(Fault::Frozen).await;
        let path = format!("/auth/keys/{}", here.id.unwrap());
        match is_revoked {
            true => nodes.admin.delete(&path).await,
            false => nodes.admin.patch(&path, json!({"enabled": false})).await,
        }
        .expect(200);
        there.get(JOBS).await.expect(200);
        let answer = there.get("/auth/me").await.expect(401);
        assert_eq!(answer.problem(), "invalid_credential");
        assert!(answer.header("www-authenticate").contains("invalid_token"), "{}", answer.header("www-authenticate"));
        nodes.is_answered(asking).await;
        there.get(JOBS).await.expect(401);
    }
}

async fn what_is_told_twice_is_known_once(nodes: Nodes) {
    nodes.feed.fails(Fault::Doubled);
    for _ in 0..ROUNDS {
        let key = nodes.key().await;
        nodes.revoke(&key).await;
        for _ in 0..3 {
            nodes.there.runtime.run_upkeep_once().await;
        }
        nodes.knows(&key).await;
    }
}

macro_rules! on {
    ($store:ident: $($test:ident)*) => {
        mod $store {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                super::$test(Nodes::start(stores::$store().await).await).await;
            })*
        }
    };
}

macro_rules! on_stores {
    ($($store:ident)*) => {
        $(on! { $store:
            without_wake_ups_a_revoked_key_is_refused_at_the_next_beat
            a_node_that_cannot_even_begin_to_listen_goes_by_the_beat
            a_frozen_feed_ends_what_is_known_at_the_bound
            an_answer_that_comes_late_proves_nothing_after_the_bound
            an_answer_is_as_old_as_its_question
            an_old_primary_vouches_for_no_longer_than_its_address_was_seen
            a_key_that_the_store_says_is_dead_is_not_shown_as_live
            what_is_told_twice_is_known_once
        })*
    };
}

on_stores! { memory sqlite postgres redis }
