//! A fail-over of the store behind an address that moves: writes come back without a restart, and what another node
//! revoked is accepted nowhere.

use kit::{
    client::Client,
    line::Line,
    process::{Launch, Process, eventually},
    servers::{Postgres, Redis},
};
use serde_json::json;

/// A gateway that uses all of its ways to the store.
async fn works(launch: &Launch) -> (Process, Client) {
    let gateway = launch.start();
    let admin = gateway.admin();
    admin.get("/auth/me").await.expect(200);
    admin.get("/auth/keys").await.expect(200);
    (gateway, admin)
}

/// A key, and its path.
async fn key(gateway: &Process, admin: &Client) -> (Client, String) {
    let made = admin.post("/auth/keys", json!({"name": "other", "scopes": ["realtime"]})).await.expect(201).json;
    let key = gateway.with(made["key"].as_str().unwrap());
    for _ in 0..3 {
        key.get("/auth/me").await.expect(200);
    }
    (key, format!("/auth/keys/{}", made["id"].as_str().unwrap()))
}

/// Another gateway, on the new primary itself, revokes the key.
async fn revoked_elsewhere(url: &str, admin: &Client, path: &str) {
    let launch = Launch::new().store(url);
    let other = launch.start();
    other.with(admin.secret.as_ref().unwrap()).delete(path).await.expect(200);
}

/// What was revoked is refused from some time on, and for ever; changes are made again.
async fn is_back(gateway: &Process, admin: &Client, key: &Client, round: usize) {
    eventually("the revoked key is refused", async || key.get("/auth/me").await.code() == 401).await;
    eventually("changes are made again", async || {
        admin.post("/auth/keys", json!({"name": "new", "scopes": ["realtime"]})).await.code() == 201
    })
    .await;
    for _ in 0..20 {
        key.get("/auth/me").await.expect(401);
        admin.post("/auth/keys", json!({"name": format!("new {round}"), "scopes": ["realtime"]})).await.expect(201);
    }
    eventually("it is ready", async || gateway.anon().get("/health/ready").await.code() == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_demoted_and_cut_off_costs_no_restart_and_no_late_acceptance() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000").store(&line.url(&one.url()));
    let (gateway, admin) = works(&launch).await;
    let (key, path) = key(&gateway, &admin).await;
    one.is_copied().await;
    two.leads().await;
    one.follows_nobody().await;
    // The address still leads to the old one, which answers whatever is read.
    eventually("it is not ready", async || gateway.anon().get("/health/ready").await.code() == 503).await;
    eventually("nobody is let in by it", async || key.get("/auth/me").await.code() == 503).await;
    revoked_elsewhere(&two.url(), &admin, &path).await;
    for _ in 0..5 {
        key.get("/auth/me").await.expect(503);
    }
    line.leads_to(&two.host());
    is_back(&gateway, &admin, &key, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stays_a_primary_after_its_address_moved_is_left() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000").store(&line.url(&one.url()));
    let (gateway, admin) = works(&launch).await;
    for round in 0..2 {
        let (key, path) = key(&gateway, &admin).await;
        let (old, new) = if round == 0 { (&one, &two) } else { (&two, &one) };
        old.is_copied().await;
        new.leads().await;
        line.leads_to(&new.host());
        revoked_elsewhere(&new.url(), &admin, &path).await;
        is_back(&gateway, &admin, &key, round).await;
        old.follows(new).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_whose_standby_takes_over_costs_no_restart_and_no_late_acceptance() {
    let (one, two, url) = Postgres::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000").store(&line.url(&url));
    let (gateway, admin) = works(&launch).await;
    let (key, path) = key(&gateway, &admin).await;
    let database = url.rsplit_once('/').unwrap().1;
    // For a while it leads to the standby, and back.
    line.leads_to(&two.host());
    one.end_sessions().await;
    eventually("it is not ready", async || gateway.anon().get("/health/ready").await.code() == 503).await;
    line.leads_to(&one.host());
    eventually("it is ready", async || gateway.anon().get("/health/ready").await.code() == 200).await;
    eventually("the standby has all", async || {
        let sql = "SELECT value FROM meta WHERE name = 'seq'";
        two.count(database, sql).await == one.count(database, sql).await
    })
    .await;
    // Then it leads to the standby, which is promoted; the other one stays a primary for those who are connected.
    two.promote().await;
    line.leads_to(&two.host());
    revoked_elsewhere(&format!("postgres://postgres@{}/{database}", two.host()), &admin, &path).await;
    is_back(&gateway, &admin, &key, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_whose_replay_is_paused_judges_nobody() {
    let (one, two, url) = Postgres::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000").store(&line.url(&url));
    let (gateway, admin) = works(&launch).await;
    let (key, path) = key(&gateway, &admin).await;
    two.run("postgres", "SELECT pg_wal_replay_pause()").await;
    line.leads_to(&two.host());
    one.end_sessions().await;
    revoked_elsewhere(&url, &admin, &path).await;
    eventually("nobody is let in by it", async || key.get("/auth/me").await.code() == 503).await;
    for _ in 0..10 {
        key.get("/auth/me").await.expect(503);
    }
    line.leads_to(&one.host());
    is_back(&gateway, &admin, &key, 0).await;
}

/// The limiter is not degraded any more, with a key that has a limit in use.
async fn counts_again(gateway: &Process, limited: &Client) {
    eventually("the counter is used again", async || {
        limited.get("/auth/me").await;
        gateway.admin().get("/status").await.json["admin"]["limiter"] != "degraded"
    })
    .await;
}

/// A gateway whose counter is behind the line, and a key with a limit in use.
async fn counting(launch: &Launch) -> (Process, Client) {
    let gateway = launch.start();
    let ask = json!({"name": "limited", "scopes": ["realtime"], "rate_limit": 1_000});
    let made = gateway.admin().post("/auth/keys", ask).await.expect(201).json;
    let limited = gateway.with(made["key"].as_str().unwrap());
    limited.get("/auth/me").await.expect(200);
    counts_again(&gateway, &limited).await;
    (gateway, limited)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_in_a_redis_that_is_demoted_is_left_for_the_new_one() {
    let (one, two) = Redis::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_RATE_STORE", &line.url(&one.url())).set("DALSTON_NODES", "2");
    let (gateway, limited) = counting(&launch).await;
    for (old, new) in [(&one, &two), (&two, &one)] {
        new.leads().await;
        old.follows(new).await;
        eventually("it is degraded", async || {
            limited.get("/auth/me").await;
            gateway.admin().get("/status").await.json["admin"]["limiter"] == "degraded"
        })
        .await;
        line.leads_to(&new.host());
        counts_again(&gateway, &limited).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_in_a_postgres_comes_back_with_the_primary() {
    let (one, two, url) = Postgres::pair().await;
    let line = Line::to(&one.host()).await;
    let launch = Launch::new().set("DALSTON_RATE_STORE", &line.url(&url)).set("DALSTON_NODES", "2");
    let (gateway, limited) = counting(&launch).await;
    line.leads_to(&two.host());
    one.end_sessions().await;
    eventually("it is degraded", async || {
        limited.get("/auth/me").await;
        gateway.admin().get("/status").await.json["admin"]["limiter"] == "degraded"
    })
    .await;
    line.leads_to(&one.host());
    counts_again(&gateway, &limited).await;
}
