//! Two gateways on one store: what one is told, the other knows.

use dalston_auth::NewKey;
use dalston_model::{Clock, RateLimit};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    socket::Socket,
    stores, wav,
    workers::Echo,
};
use serde_json::json;
use std::time::Duration;

/// Two gateways, with workers, on one store and one clock.
struct Nodes {
    here: App,
    there: App,
    admin: Client,
}

impl Nodes {
    async fn start(fixture: WorkFixture) -> Self {
        let other = WorkFixture {
            store: fixture.store.clone(),
            limits: fixture.limits.clone(),
            clock: fixture.clock.clone(),
            again: None,
            keep: Box::new(()),
        };
        let here = Start::default().worker(Echo).on(fixture).start().await;
        let there = Start::default().worker(Echo).on(other).start().await;
        let admin = here.key("admin").await;
        Self { here, there, admin }
    }

    /// A key that may open streams, an open stream of it on the other node, and its path.
    async fn streaming(&self) -> (Client, Socket, String) {
        let key = self.here.key("realtime,jobs:read").await;
        let socket = Socket::begun(self.there.address, key.secret.as_ref().unwrap()).await;
        let path = format!("/auth/keys/{}", key.id.unwrap());
        (key, socket, path)
    }

    fn elsewhere(&self, key: &Client) -> Client {
        self.there.with(key.secret.as_ref().unwrap())
    }
}

/// The stream still carries audio.
async fn carries(socket: &mut Socket) {
    socket.play(&[0; 100]).await;
    assert_eq!(socket.hear().await["text"], "100");
}

async fn a_revoked_key_is_refused_at_once_and_elsewhere_as_soon_as_it_is_heard_of(nodes: Nodes) {
    let key = nodes.here.key("jobs:read").await;
    let elsewhere = nodes.elsewhere(&key);
    for node in [&key, &elsewhere] {
        node.get("/auth/me").await.expect(200);
    }
    nodes.admin.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
    assert_eq!(key.get("/auth/me").await.problem(), "invalid_credential", "REV-02");
    nodes.there.runtime.run_upkeep_once().await;
    for _ in 0..3 {
        assert_eq!(elsewhere.get("/auth/me").await.problem(), "invalid_credential", "REV-02");
    }
}

async fn a_new_key_is_known_everywhere_at_once_and_what_it_may_no_more_as_soon_as_it_is_heard_of(nodes: Nodes) {
    let made = nodes.admin.post("/auth/keys", json!({"name": "new", "scopes": ["jobs:read", "realtime"]})).await;
    let made = made.expect(201).json;
    let elsewhere = nodes.there.with(made["key"].as_str().unwrap());
    let path = format!("/auth/keys/{}", made["id"].as_str().unwrap());
    elsewhere.get("/v1/audio/transcriptions").await.expect(200);
    nodes.admin.patch(&path, json!({"scopes": ["realtime"]})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    assert_eq!(elsewhere.get("/v1/audio/transcriptions").await.problem(), "insufficient_scope");
    nodes.admin.patch(&path, json!({"enabled": false})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    assert_eq!(elsewhere.get("/auth/me").await.problem(), "invalid_credential");
    nodes.admin.patch(&path, json!({"enabled": true})).await.expect(200);
    elsewhere.get("/auth/me").await.expect(200);
}

async fn an_open_stream_ends_when_its_key_is_revoked_elsewhere(nodes: Nodes) {
    let (_, mut socket, path) = nodes.streaming().await;
    let (_, mut other, _) = nodes.streaming().await;
    nodes.admin.delete(&path).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    assert_eq!(socket.closed().await, (4001, "Invalid API key".to_owned()), "REV-03");
    carries(&mut other).await;
}

async fn an_open_stream_ends_when_its_key_is_disabled_elsewhere(nodes: Nodes) {
    let (_, mut socket, path) = nodes.streaming().await;
    nodes.admin.patch(&path, json!({"enabled": false})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    assert_eq!(socket.closed().await.0, 4001, "REV-03");
}

async fn an_open_stream_ends_when_its_key_loses_the_scope_elsewhere(nodes: Nodes) {
    let (_, mut socket, path) = nodes.streaming().await;
    nodes.admin.patch(&path, json!({"scopes": ["jobs:read"]})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    assert_eq!(socket.closed().await, (4003, "Missing 'realtime' scope".to_owned()), "REV-03");
}

async fn an_open_stream_ends_when_its_key_expires(nodes: Nodes) {
    let (_, mut socket, path) = nodes.streaming().await;
    let (_, mut unended, _) = nodes.streaming().await;
    let ends = nodes.here.clock.now().plus(Duration::from_secs(90));
    nodes.admin.patch(&path, json!({"expires_at": ends})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    nodes.there.pass(Duration::from_secs(89)).await;
    carries(&mut socket).await;
    nodes.there.pass(Duration::from_secs(1)).await;
    assert_eq!(socket.closed().await.0, 4001, "KEY-08");
    carries(&mut unended).await;
}

async fn a_rotation_leaves_streams_open(nodes: Nodes) {
    let (key, mut socket, path) = nodes.streaming().await;
    let rotated = nodes.admin.post(&format!("{path}/rotate"), json!({"overlap_seconds": 0})).await.expect(200);
    nodes.there.runtime.run_upkeep_once().await;
    carries(&mut socket).await;
    assert_eq!(nodes.elsewhere(&key).get("/auth/me").await.code(), 401, "KEY-07");
    nodes.there.with(rotated.json["key"].as_str().unwrap()).get("/auth/me").await.expect(200);
}

async fn a_job_of_one_node_is_listed_on_the_other(nodes: Nodes) {
    let key = nodes.here.key("jobs:read,jobs:write").await;
    let job = key.upload(wav::tone(1), "a.wav").await.expect(201).json;
    let listed = nodes.elsewhere(&key).get("/v1/audio/transcriptions").await.expect(200);
    assert_eq!(listed.json, json!([job]));
}

async fn a_limit_holds_over_all_nodes(nodes: Nodes) {
    let limit = |ask| NewKey { rate_limit: RateLimit::new(6).ok(), ..ask };
    let here = nodes.here.key_of("default", "realtime", limit).await;
    let there = nodes.elsewhere(&here);
    let mut admitted = 0;
    for _ in 0..6 {
        for node in [&here, &there] {
            admitted += u32::from(node.get("/auth/me").await.code() == 200);
        }
    }
    assert_eq!(admitted, 6, "RATE over two nodes");
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

macro_rules! on_shared_stores {
    ($($store:ident)*) => {
        $(on! { $store:
            a_revoked_key_is_refused_at_once_and_elsewhere_as_soon_as_it_is_heard_of
            a_new_key_is_known_everywhere_at_once_and_what_it_may_no_more_as_soon_as_it_is_heard_of
            an_open_stream_ends_when_its_key_is_revoked_elsewhere
            an_open_stream_ends_when_its_key_is_disabled_elsewhere
            an_open_stream_ends_when_its_key_loses_the_scope_elsewhere
            an_open_stream_ends_when_its_key_expires
            a_rotation_leaves_streams_open
            a_job_of_one_node_is_listed_on_the_other
            a_limit_holds_over_all_nodes
        })*
    };
}

on_shared_stores! { postgres redis }
