//! The store's server is killed, frozen, started again: refusals become outages, never judgements, and end by themselves.

use kit::{
    client::{Answer, Client},
    process::{Launch, Process, eventually},
    servers::{Postgres, Redis},
};
use serde_json::json;

/// An outage, as a client may see it.
fn is_outage(answer: &Answer) -> bool {
    let retry = answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0);
    answer.code() == 503 && answer.problem() == "unavailable" && retry
}

/// While the store is away: the process lives, is not ready, and judges nobody.
async fn away(gateway: &Process, admin: &Client) {
    // What it has in memory is good for a second.
    eventually("its answers are too old", async || admin.get("/auth/me").await.code() != 200).await;
    // All at once: each may wait for the store's deadline.
    let (me, keys, jobs, status, made, upload) = tokio::join!(
        admin.get("/auth/me"),
        admin.get("/auth/keys"),
        admin.get("/v1/audio/transcriptions"),
        admin.get("/status"),
        admin.post("/auth/keys", json!({"name": "lost"})),
        admin.upload(kit::wav::tone(1), "a.wav"),
    );
    for answer in [me, keys, jobs, status, made, upload] {
        assert!(is_outage(&answer), "F-02 {} {}", answer.code(), answer.text);
    }
    ill(gateway).await;
}

/// Not ready, but alive; who shows no key is told so.
async fn ill(gateway: &Process) {
    gateway.anon().get("/health").await.expect(200);
    // An answer is good for a second.
    let anon = gateway.anon();
    eventually("it is not ready", async || anon.get("/health/ready").await.code() == 503).await;
    assert_eq!(anon.get("/health/ready").await.expect(503).json["checks"]["store"], "down");
    assert_eq!(gateway.anon().get("/auth/me").await.problem(), "missing_credential");
    assert_eq!(gateway.with("dk_malformed").get("/auth/me").await.problem(), "invalid_credential");
}

/// Waits until it is ready again; from then on everything works.
async fn back(gateway: &Process, admin: &Client) {
    let anon = gateway.anon();
    eventually("it is ready again", async || anon.get("/health/ready").await.code() == 200).await;
    admin.get("/auth/me").await.expect(200);
    let made = admin.post("/auth/keys", json!({"name": "made", "scopes": ["realtime"]})).await.expect(201);
    gateway.with(made.json["key"].as_str().unwrap()).get("/auth/me").await.expect(200);
    admin.upload(kit::wav::tone(1), "a.wav").await.expect(201);
}

async fn works(launch: &Launch) -> (Process, Client) {
    let gateway = launch.start();
    let admin = gateway.admin();
    gateway.anon().get("/health/ready").await.expect(200);
    admin.get("/auth/me").await.expect(200);
    (gateway, admin)
}

#[tokio::test]
async fn a_killed_redis_is_an_outage_until_it_is_back() {
    let mut server = Redis::start(&[]);
    let launch = Launch::new().store(&server.url());
    let (gateway, admin) = works(&launch).await;
    for _ in 0..2 {
        server.kill();
        away(&gateway, &admin).await;
        server.restart();
        back(&gateway, &admin).await;
    }
}

#[tokio::test]
async fn a_frozen_redis_is_an_outage_until_it_goes_on() {
    let server = Redis::start(&[]);
    let launch = Launch::new().store(&server.url());
    let (gateway, admin) = works(&launch).await;
    server.pause();
    away(&gateway, &admin).await;
    server.resume();
    back(&gateway, &admin).await;
}

#[tokio::test]
async fn a_killed_postgres_is_an_outage_until_it_is_back() {
    let mut server = Postgres::start();
    let launch = Launch::new().store(&server.database().await);
    let (gateway, admin) = works(&launch).await;
    for _ in 0..2 {
        server.kill();
        away(&gateway, &admin).await;
        server.restart();
        back(&gateway, &admin).await;
    }
}

#[tokio::test]
async fn a_frozen_postgres_does_not_look_healthy_and_refuses_nobody() {
    let server = Postgres::start();
    let launch = Launch::new().store(&server.database().await);
    let (gateway, admin) = works(&launch).await;
    server.pause();
    ill(&gateway).await;
    // Connections that are open are still served by their back-ends; new ones wait in vain.
    for _ in 0..8 {
        let answer = admin.get("/auth/me").await;
        assert!(answer.code() == 200 || is_outage(&answer), "{} {}", answer.code(), answer.text);
    }
    server.resume();
    back(&gateway, &admin).await;
}

#[tokio::test]
async fn a_postgres_that_is_frozen_whole_is_an_outage_until_it_goes_on() {
    let server = Postgres::start();
    let launch = Launch::new().store(&server.database().await);
    let (gateway, admin) = works(&launch).await;
    server.freeze();
    away(&gateway, &admin).await;
    server.resume();
    back(&gateway, &admin).await;
}

#[tokio::test]
async fn a_store_that_is_away_stops_a_start_but_no_stop() {
    let server = Redis::start(&[]);
    let launch = Launch::new().store(&server.url());
    let (gateway, _) = works(&launch).await;
    server.kill();
    gateway.terminate();
    assert_eq!(gateway.ended().code, Some(0), "a stop does not wait for a store that is away");
    let ended = launch.refused();
    assert_eq!(ended.code, Some(1));
    assert!(ended.text().contains("Redis"), "{}", ended.text());
}

#[tokio::test]
async fn a_counter_that_is_away_refuses_nobody_and_admits_no_more_than_the_limit() {
    let server = Redis::start(&[]);
    let launch = Launch::new().set("DALSTON_RATE_STORE", &server.url());
    let gateway = launch.start();
    let ask = json!({"name": "limited", "scopes": ["realtime"], "rate_limit": 4});
    let made = gateway.admin().post("/auth/keys", ask).await.expect(201);
    let limited = gateway.with(made.json["key"].as_str().unwrap());
    let admin = gateway.admin();
    let nodes = async || admin.get("/status").await.expect(200).json["admin"]["limiter_nodes"].clone();
    eventually("it has its place among the nodes", async || nodes().await == 1).await;
    server.kill();
    let mut admitted = 0;
    for _ in 0..12 {
        let answer = limited.get("/auth/me").await;
        assert!(matches!(answer.code(), 200 | 429), "{} {}", answer.code(), answer.text);
        admitted += u32::from(answer.code() == 200);
    }
    assert!((1..=4).contains(&admitted), "RATE {admitted} of 4");
}
