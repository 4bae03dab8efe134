//! Nodes whose clocks are wrong: ends are checked against the store's, at every door and behind it.

use dalston_auth::Caller;
use dalston_model::{Clock, ManualClock};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    log,
    socket::{STREAM, Socket},
    stores,
    workers::Echo,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_hours(1);

/// A node, its own clock, and the store's.
struct Node {
    app: App,
    own: Arc<ManualClock>,
    store: Arc<ManualClock>,
}

impl Node {
    async fn start(fixture: WorkFixture, is_slow: bool) -> Self {
        let store = fixture.clock.clone();
        let now = if is_slow { store.now().back(HOUR) } else { store.now().plus(HOUR) };
        let own = ManualClock::new(now);
        let app = Start::default().worker(Echo).clock(own.clone()).on(fixture).start().await;
        Self { app, own, store }
    }

    /// Lets time pass, with a tick at least every ten seconds.
    async fn pass(&self, mut time: Duration) {
        while !time.is_zero() {
            let step = time.min(Duration::from_secs(10));
            self.own.advance(step);
            self.store.advance(step);
            self.app.runtime.run_upkeep_once().await;
            time -= step;
        }
    }

    /// A key that ends after `seconds`.
    async fn ending(&self, scopes: &[&str], seconds: u64) -> Client {
        let ask = json!({"name": "ending", "scopes": scopes, "expires_in_seconds": seconds});
        let made = self.app.master().post("/auth/keys", ask).await.expect(201);
        let ends = self.store.now().plus(Duration::from_secs(seconds));
        assert_eq!(made.json["expires_at"], ends.to_string());
        assert_eq!(made.json["created_at"], self.store.now().to_string());
        self.app.with(made.json["key"].as_str().unwrap()).known_as(made.json["id"].as_str().unwrap().parse().unwrap())
    }

    /// Whether whoever was admitted with the key may go on.
    async fn goes_on(&self, caller: &Caller) -> bool {
        self.app.runtime.gate.revalidate(caller).await.is_ok()
    }
}

async fn a_key_ends_by_the_stores_clock(node: Node) {
    let key = node.ending(&["realtime", "jobs:read"], 60).await;
    let caller = node.app.caller(&key).await;
    key.get("/auth/me").await.expect(200);
    let mut socket = Socket::begun(node.app.address, key.secret.as_ref().unwrap()).await;
    node.pass(Duration::from_secs(40)).await;
    key.get("/auth/me").await.expect(200);
    assert!(node.goes_on(&caller).await);
    let made = key.post("/auth/tickets", json!({"path": STREAM})).await.expect(201);
    assert_eq!(made.json["expires_at"], node.store.now().plus(Duration::from_secs(30)).to_string());
    let ticket = made.json["ticket"].as_str().unwrap();
    log::guard(ticket);
    node.pass(Duration::from_secs(20)).await;
    assert!(!node.goes_on(&caller).await, "waits, events and model rounds end");
    assert_eq!(socket.closed().await.0, 4001, "the stream ends");
    key.get("/auth/me").await.expect(401);
    let late = Socket::open(node.app.address, &format!("?ticket={ticket}"), &[]).await.unwrap().closed().await;
    assert_eq!(late.0, 4001, "a ticket outlives its key");
}

async fn an_end_lies_in_the_stores_future(node: Node) {
    let master = node.app.master();
    let ask = |at: &dyn ToString| json!({"name": "ending", "expires_at": at.to_string()});
    let (past, future) = (node.store.now().back(HOUR / 2), node.store.now().plus(HOUR / 2));
    master.post("/auth/keys", ask(&past)).await.expect(422);
    let made = master.post("/auth/keys", ask(&future)).await.expect(201);
    node.app.with(made.json["key"].as_str().unwrap()).get("/auth/me").await.expect(200);
    let path = format!("/auth/keys/{}", made.json["id"].as_str().unwrap());
    master.patch(&path, json!({"expires_at": past.to_string()})).await.expect(422);
}

async fn a_step_of_the_stores_clock_ends_what_is_in_memory(node: Node) {
    let key = node.ending(&["realtime"], 1_800).await;
    key.get("/auth/me").await.expect(200);
    let mut socket = Socket::begun(node.app.address, key.secret.as_ref().unwrap()).await;
    // On the node hardly any time passes.
    node.store.advance(2 * HOUR);
    node.pass(Duration::from_millis(300)).await;
    key.get("/auth/me").await.expect(401);
    assert_eq!(socket.closed().await.0, 4001);
}

macro_rules! on {
    ($($store:ident)*) => {
        $(mod $store {
            use super::*;

            #[tokio::test]
            async fn a_key_ends_by_the_stores_clock() {
                for is_slow in [true, false] {
                    super::a_key_ends_by_the_stores_clock(Node::start(stores::$store().await, is_slow).await).await;
                }
            }

            #[tokio::test]
            async fn an_end_lies_in_the_stores_future() {
                for is_slow in [true, false] {
                    super::an_end_lies_in_the_stores_future(Node::start(stores::$store().await, is_slow).await).await;
                }
            }

            #[tokio::test]
            async fn a_step_of_the_stores_clock_ends_what_is_in_memory() {
                let node = Node::start(stores::$store().await, false).await;
                super::a_step_of_the_stores_clock_ends_what_is_in_memory(node).await;
            }
        })*
    };
}

on! { memory sqlite postgres redis }
