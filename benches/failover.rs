//! How long a fail-over of the store behind an address that moves holds up changes, and whether it lets a revoked key in:
//! the shipped program twice, under load, on a pair of Redis or of Postgres.
//!
//! `cargo bench -p dalston-benches --bench failover -- 10 redis`: rounds, and stores, if not all of them. In a round the
//! address moves to the other server; Redis' old primary becomes a replica, Postgres' is killed. Then both nodes make keys
//! until that works, and one revokes a key that the other one answers for from memory. A node that makes no key for five
//! seconds, or that accepts a key later than the freshness bound after the revocation was answered, fails the run.

use anyhow::{Result, ensure};
use dalston_model::{Clock, SystemClock};
use kit::{
    client::Client,
    line::Line,
    process::{Launch, Process, eventually},
    servers::{Postgres, Redis},
};
use serde_json::json;
use std::{env, time::Duration};
use tokio::{task::JoinSet, time::sleep};

const ROUNDS: usize = 10;
/// Of the claim.
const WRITES_WITHIN: Duration = Duration::from_secs(5);
/// `DALSTON_FRESHNESS`, where nothing else is set.
const BOUND: Duration = Duration::from_secs(1);
/// Clients that ask all the time, of each node.
const LOAD: usize = 4;
const STEP: Duration = Duration::from_millis(20);
const SEQ: &str = "SELECT value FROM meta WHERE name = 'seq'";

/// Two gateways behind the line, and clients that ask both.
struct Nodes {
    here: Process,
    there: Process,
    admin: Client,
    _load: JoinSet<()>,
    _launches: [Launch; 2],
}

/// What a round took.
struct Round {
    writes: Duration,
    late: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    // `cargo test` builds it and asks for nothing.
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let named = |store| {
        !words.iter().any(|word| word == "redis" || word == "postgres") || words.iter().any(|word| word == store)
    };
    if named("redis") {
        say("redis", &redis(rounds).await?);
    }
    if named("postgres") {
        say("postgres", &postgres(rounds).await?);
    }
    Ok(())
}

async fn redis(rounds: usize) -> Result<Vec<Round>> {
    let (mut old, mut new) = Redis::pair().await;
    let line = Line::to(&old.host()).await;
    let nodes = Nodes::start(&line.url(&old.url()));
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let key = nodes.key().await;
        old.is_copied().await;
        new.leads().await;
        line.leads_to(&new.host());
        let moved = SystemClock.monotonic();
        old.ask(&["REPLICAOF", "127.0.0.1", new.host().rsplit(':').next().unwrap_or_default()]).await;
        measured.push(nodes.round(moved, key).await?);
        old.follows(&new).await;
        (old, new) = (new, old);
    }
    Ok(measured)
}

async fn postgres(rounds: usize) -> Result<Vec<Round>> {
    let (mut primary, url) = Postgres::copied().await;
    let line = Line::to(&primary.host()).await;
    let nodes = Nodes::start(&line.url(&url));
    let database = url.rsplit('/').next().unwrap_or_default();
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let standby = primary.copy();
        let key = nodes.key().await;
        eventually("the standby has all", async || {
            standby.count(database, SEQ).await == primary.count(database, SEQ).await
        })
        .await;
        primary.kill();
        standby.promote().await;
        line.leads_to(&standby.host());
        let moved = SystemClock.monotonic();
        primary = standby;
        measured.push(nodes.round(moved, key).await?);
    }
    Ok(measured)
}

impl Nodes {
    fn start(url: &str) -> Self {
        let launches = [(); 2].map(|()| Launch::new().store(url).set("DALSTON_LOG", "info"));
        let [here, there] = launches.each_ref().map(Launch::start);
        let admin = here.admin();
        let mut load = JoinSet::new();
        for node in [&here, &there].repeat(LOAD) {
            let client = node.with(admin.secret.as_deref().unwrap_or_default());
            load.spawn(async move {
                loop {
                    client.get("/auth/me").await;
                }
            });
        }
        Self { here, there, admin, _load: load, _launches: launches }
    }

    /// A key that both nodes answer for from memory: its secret, and its path.
    async fn key(&self) -> (String, String) {
        let made = self.admin.post("/auth/keys", json!({"name": "Failover", "scopes": ["jobs:read"]})).await;
        let made = made.expect(201).json;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let (secret, path) = (text("key"), format!("/auth/keys/{}", text("id")));
        for node in [&self.here, &self.there] {
            for _ in 0..3 {
                node.with(&secret).get("/auth/me").await.expect(200);
            }
        }
        (secret, path)
    }

    async fn round(&self, moved: Duration, (secret, path): (String, String)) -> Result<Round> {
        let there = self.there.with(self.admin.secret.as_deref().unwrap_or_default());
        for admin in [&self.admin, &there] {
            while admin.post("/auth/keys", json!({"name": "Again", "scopes": ["jobs:read"]})).await.code() != 201 {
                ensure!(
                    SystemClock.monotonic().saturating_sub(moved) < WRITES_WITHIN,
                    "no key could be made within {WRITES_WITHIN:?}"
                );
                sleep(STEP).await;
            }
        }
        let writes = SystemClock.monotonic().saturating_sub(moved);
        ensure!(writes < WRITES_WITHIN, "keys could be made after {writes:?} only");
        self.admin.delete(&path).await.expect(200);
        let (revoked, key) = (SystemClock.monotonic(), self.there.with(&secret));
        let mut late = Duration::ZERO;
        loop {
            let sent = SystemClock.monotonic().saturating_sub(revoked);
            match key.get("/auth/me").await.code() {
                401 => break,
                200 => late = sent,
                _ => {}
            }
            ensure!(sent < BOUND * 30, "it is not refused");
        }
        ensure!(late < BOUND, "accepted {late:?} after it was revoked");
        Ok(Round { writes, late })
    }
}

#[expect(clippy::print_stdout, reason = "what was measured")]
fn say(store: &str, rounds: &[Round]) {
    let most = |one: fn(&Round) -> Duration| rounds.iter().map(one).max().unwrap_or_default();
    println!(
        "{store}: {} rounds, keys are made again after {:?} at most, and a revoked key was accepted {:?} later at most",
        rounds.len(),
        most(|round| round.writes),
        most(|round| round.late),
    );
}
