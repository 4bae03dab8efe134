//! Slots: who gets one, and that each comes back.

use dalston_work::{SharedWorkStorage, contract::WorkFixture};
use kit::{
    app::{App, Start},
    process::eventually,
    socket::Socket,
    stores,
    worker_server::{Manners, WorkerServer},
    workers::Echo,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The sessions of each worker, by name.
async fn loads(store: &SharedWorkStorage) -> Vec<(String, u32)> {
    let loads = store.workers().await.unwrap().into_iter();
    loads.map(|load| (load.worker.id.to_string(), load.sessions)).collect()
}

async fn gateway() -> (App, SharedWorkStorage) {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    (Start::default().on(fixture).start().await, store)
}

#[tokio::test]
async fn the_worker_with_the_least_load_that_fits_is_asked() {
    let (app, store) = gateway().await;
    let key = app.key("realtime,worker").await;
    let good = WorkerServer::start(Manners::Good).await;
    let worker = |capacity: u32, more: Value| {
        let mut about = good.about(capacity);
        about.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        about
    };
    key.put("/v1/workers/large", worker(4, json!({}))).await.expect(200);
    key.put("/v1/workers/small", worker(1, json!({}))).await.expect(200);
    key.put("/v1/workers/exact", worker(1, json!({"models": ["exact"], "languages": ["de"]}))).await.expect(200);
    let secret = key.secret.as_ref().unwrap();
    let mut sockets = Vec::new();
    for (query, name) in [
        ("?model=exact&language=de", "exact"),
        ("?model=exact&language=de", "large"),
        ("?model=exact&language=fr", "small"),
        ("", "large"),
        ("", "large"),
        ("", "large"),
    ] {
        let before = loads(&store).await;
        let mut socket = Socket::open(app.address, query, &[("x-api-key", secret)]).await.unwrap();
        assert_eq!(socket.hear().await["type"], "session.begin");
        sockets.push(socket);
        let after = loads(&store).await;
        let (grown, _) = after.iter().zip(&before).find(|(after, before)| after != before).unwrap().0;
        assert_eq!(grown, name, "{before:?} {after:?}");
    }
    let mut none = Socket::with(app.address, secret).await;
    assert_eq!(none.hear().await["code"], "no_capacity");
    assert_eq!(none.closed().await.0, 1013);
}

#[tokio::test]
async fn a_worker_serves_its_own_tenant_unless_it_is_shared() {
    let (app, _) = gateway().await;
    let worker = WorkerServer::start(Manners::Good).await;
    let (ours, theirs) = (app.key("worker").await, app.key_of("acme", "realtime,worker", |ask| ask).await);
    ours.put("/v1/workers/w", worker.about(4)).await.expect(200);
    let secret = theirs.secret.as_ref().unwrap();
    assert_eq!(Socket::with(app.address, secret).await.hear().await["code"], "no_capacity", "TEN");
    assert_eq!(theirs.get("/v1/workers").await.expect(200).json, json!([]));
    assert_eq!(theirs.put("/v1/workers/w", worker.about(4)).await.expect(409).problem(), "conflict");
    theirs.delete("/v1/workers/w").await.expect(404);
    let shared = json!({"url": worker.url, "capacity": 4, "shared": true});
    assert_eq!(ours.put("/v1/workers/s", shared.clone()).await.expect(403).problem(), "insufficient_scope");
    app.master().put("/v1/workers/s", shared).await.expect(200);
    Socket::begun(app.address, secret).await;
    theirs.delete("/v1/workers/s").await.expect(404);
    ours.delete("/v1/workers/w").await.expect(200);
    app.master().delete("/v1/workers/s").await.expect(200);
    assert_eq!(Socket::with(app.address, secret).await.hear().await["code"], "no_capacity");
}

#[tokio::test]
async fn what_a_worker_says_of_itself_is_checked_and_its_registration_is_recorded_once() {
    let (app, store) = gateway().await;
    let key = app.key("worker").await;
    for (wrong, field) in [
        (json!({"url": "http://h/", "capacity": 1}), "url"),
        (json!({"url": "ws://h/", "capacity": 0}), "capacity"),
        (json!({"url": "ws://h/", "capacity": 10_001}), "capacity"),
        (json!({"url": "ws://h/", "capacity": 1, "models": ["a b"]}), "models"),
        (json!({"url": "ws://h/", "capacity": 1, "languages": vec!["a"; 65]}), "languages"),
    ] {
        assert_eq!(key.put("/v1/workers/w", wrong).await.expect(422).fields(), [field]);
    }
    assert_eq!(key.put("/v1/workers/a%20b", json!({"url": "ws://h/", "capacity": 1})).await.code(), 422);
    let before = store.checkpoint().await.unwrap().seq;
    let about = json!({"url": "ws://h/", "capacity": 1});
    let answer = key.put("/v1/workers/w", about.clone()).await.expect(200).json;
    assert_eq!((&answer["id"], &answer["sessions"], &answer["tenant_id"]), (&json!("w"), &json!(0), &json!("default")));
    key.put("/v1/workers/w", about).await.expect(200);
    assert_eq!(store.checkpoint().await.unwrap().seq - before, 1, "a heartbeat is no change");
    key.put("/v1/workers/w", json!({"url": "ws://h/", "capacity": 2})).await.expect(200);
    assert_eq!(store.checkpoint().await.unwrap().seq - before, 2);
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(key.get("/v1/workers").await.expect(200).json, json!([]), "it was not heard for half a minute");
}

#[tokio::test]
async fn however_many_open_at_once_no_worker_gets_more_than_it_can_serve() {
    let (app, store) = gateway().await;
    let worker = WorkerServer::start(Manners::Good).await;
    let key = app.key("realtime,worker").await;
    key.put("/v1/workers/w", worker.about(3)).await.expect(200);
    let secret = key.secret.unwrap();
    let opening = (0..12).map(|_| async {
        let mut socket = Socket::with(app.address, &secret).await;
        let first = socket.hear().await;
        (first["type"] == "session.begin").then_some(socket)
    });
    let open: Vec<Socket> = futures_util::future::join_all(opening).await.into_iter().flatten().collect();
    assert_eq!(open.len(), 3, "F-19");
    assert_eq!(loads(&store).await, [("w".to_owned(), 3)]);
    drop(open);
    eventually("all slots are free", async || loads(&store).await == [("w".to_owned(), 0)]).await;
}

#[tokio::test]
async fn a_worker_that_refuses_is_passed_over_and_the_built_in_one_serves_at_last() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let app = Start::default().worker(Echo).set("DALSTON_OWN_STREAMS", "1").on(fixture).start().await;
    let key = app.key("realtime,worker").await;
    let (busy, gone) = (WorkerServer::start(Manners::Busy).await, WorkerServer::start(Manners::Good).await);
    key.put("/v1/workers/busy", busy.about(4)).await.expect(200);
    key.put("/v1/workers/gone", gone.about(4)).await.expect(200);
    drop(gone);
    let secret = key.secret.as_ref().unwrap();
    let mut socket = Socket::begun(app.address, secret).await;
    socket.play(&[0; 9]).await;
    assert_eq!(socket.hear().await["text"], "9");
    assert_eq!(busy.seen.targets.lock().unwrap().len(), 1);
    assert_eq!(store.session_count(&"default".parse().unwrap()).await.unwrap(), 1);
    assert_eq!(Socket::with(app.address, secret).await.hear().await["code"], "no_capacity", "it has one place");
    drop(socket);
    eventually("its place is free", async || app.runtime.services.streams.builtin_load() == (0, 1)).await;
    Socket::begun(app.address, secret).await;
}

/// So many streams of this key open at once.
async fn grab(app: &App, secret: &str, most: usize) -> Vec<Socket> {
    let opening = (0..most).map(|_| async {
        let mut socket = Socket::with(app.address, secret).await;
        (socket.hear().await["type"] == "session.begin").then_some(socket)
    });
    futures_util::future::join_all(opening).await.into_iter().flatten().collect()
}

#[tokio::test]
async fn one_of_several_tenants_has_half_of_the_places_of_a_node() {
    for (places, shares) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [2, 1, 0])] {
        let start = Start::default().worker(Echo).set("DALSTON_OWN_STREAMS", &places.to_string());
        let app = start.on(stores::memory().await).start().await;
        let mut secrets = Vec::new();
        for tenant in ["greedy", "modest", "third"] {
            secrets.push(app.key_of(tenant, "realtime", |ask| ask).await.secret.unwrap());
        }
        let mut open = Vec::new();
        for (secret, share) in secrets.iter().zip(shares) {
            let got = grab(&app, secret, places + 2).await;
            assert_eq!(got.len(), share, "of {places}");
            open.push(got);
        }
        // Nothing is taken away, and what one gives back another has.
        drop(open.remove(0));
        eventually("places are free", async || app.runtime.services.streams.builtin_load().0 < places).await;
        Socket::begun(app.address, &secrets[2]).await;
    }
}

#[tokio::test]
async fn one_of_several_tenants_has_half_of_a_shared_worker_over_all_nodes() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let (here, there) = nodes(fixture).await;
    let worker = WorkerServer::start(Manners::Good).await;
    let shared = json!({"url": worker.url, "capacity": 4, "shared": true});
    here.master().put("/v1/workers/s", shared).await.expect(200);
    let greedy = here.key("realtime").await.secret.unwrap();
    let modest = here.key_of("modest", "realtime", |ask| ask).await.secret.unwrap();
    // What the other node hears by the record of changes.
    there.runtime.run_upkeep_once().await;
    let (one, two) = tokio::join!(grab(&here, &greedy, 4), grab(&there, &greedy, 4));
    assert_eq!(one.len() + two.len(), 2);
    assert_eq!(grab(&there, &modest, 4).await.len(), 2);
    assert_eq!(loads(&store).await, [("s".to_owned(), 4)]);
}

/// Two gateways on one store and one clock.
async fn nodes(fixture: WorkFixture) -> (App, App) {
    let other = stores::shared(&fixture);
    (Start::default().on(fixture).start().await, Start::default().on(other).start().await)
}

#[tokio::test]
async fn slots_are_shared_by_all_nodes_and_those_of_a_dead_gateway_lapse() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let (here, there) = nodes(fixture).await;
    let worker = WorkerServer::start(Manners::Good).await;
    let key = here.key("realtime,worker").await;
    let secret = key.secret.as_ref().unwrap();
    let register = async || {
        key.put("/v1/workers/w", worker.about(2)).await.expect(200);
    };
    register().await;
    let alive = Socket::begun(here.address, secret).await;
    let mut orphan = Socket::begun(there.address, secret).await;
    assert_eq!(Socket::with(here.address, secret).await.hear().await["code"], "no_capacity");
    // One node goes on, the other does not any more: to the store that is what a dead one looks like.
    for _ in 0..3 {
        app_ticks(&here).await;
        register().await;
    }
    assert_eq!(loads(&store).await, [("w".to_owned(), 1)], "F-20");
    let another = Socket::begun(here.address, secret).await;
    // It was only cut off: what it still serves has no slot, and ends.
    there.runtime.run_upkeep_once().await;
    assert_eq!(orphan.hear().await["code"], "session_lost");
    assert_eq!(orphan.closed().await.0, 1013);
    assert_eq!(loads(&store).await, [("w".to_owned(), 2)], "D21 a late release frees nobody else's slot");
    drop((alive, another));
    eventually("all slots are free", async || loads(&store).await == [("w".to_owned(), 0)]).await;
}

async fn app_ticks(app: &App) {
    app.clock.advance(Duration::from_secs(11));
    app.runtime.run_upkeep_once().await;
}

#[tokio::test]
async fn a_gateway_that_stops_frees_its_slots() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let (here, mut there) = nodes(fixture).await;
    let worker = WorkerServer::start(Manners::Good).await;
    let key = here.key("realtime,worker").await;
    key.put("/v1/workers/w", worker.about(2)).await.expect(200);
    let mut socket = Socket::begun(there.address, key.secret.as_ref().unwrap()).await;
    there.runtime.services.streams.stop();
    assert_eq!(socket.closed().await.0, 1001);
    there.stop();
    there.runtime.services.streams.close().await.unwrap();
    assert_eq!(loads(&store).await, [("w".to_owned(), 0)]);
}
