//! Two gateways whose shared counter of limits answers too late: the one, or both, and then again in time.

use dalston_model::{Clock, SystemClock};
use kit::{
    client::Client,
    process::{Launch, Process, eventually},
    servers::{postgres_url, redis_url},
    slow_line::SlowLine,
};
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const LIMITS: [u32; 3] = [1, 7, 40];

/// Two gateways on one store, each with a line of its own to the counter. The first one is the first on the list.
struct Pair {
    lines: [SlowLine; 2],
    nodes: [Process; 2],
    /// A key of each limit, by its holder at each gateway.
    keys: Vec<Limited>,
    /// The folders of the gateways.
    _launches: Vec<Launch>,
}

/// A key with a limit.
struct Limited {
    limit: u32,
    at: [Client; 2],
    /// When each admitted request was sent and when it was answered.
    admitted: Vec<(Duration, Duration)>,
}

/// How requests were answered until the first refusal.
#[derive(Debug, Clone, Copy)]
struct Drained {
    admitted: u32,
    /// The refusal was an outage, and no limit.
    unavailable: bool,
}

impl Pair {
    async fn start(url: &str, outage: &str) -> Self {
        let (scheme, rest) = url.split_once("//").unwrap();
        let host = rest.split('/').next().unwrap();
        let (user, host) = host.split_once('@').map_or(("", host), |(user, host)| (user, host));
        let name = rest.split_once('/').unwrap().1;
        let at = if user.is_empty() { "" } else { "@" };
        let (mut launches, mut nodes) = (Vec::new(), Vec::new());
        let lines = [SlowLine::to(host).await, SlowLine::to(host).await];
        for line in &lines {
            let counter = format!("{scheme}//{user}{at}127.0.0.1:{}/{name}", line.port);
            let launch = Launch::new().store(url).set("DALSTON_RATE_STORE", &counter);
            let launch = launch.set("DALSTON_RATE_OUTAGE", outage).set("DALSTON_MASTER_KEY", MASTER);
            nodes.push(launch.start());
            launches.push(launch);
            // A node joins after it has begun to serve: the next one is not to join before it.
            for node in &nodes {
                let master = node.with(MASTER);
                let has_place = async || limiter(&master).await["limiter_nodes"] == nodes.len();
                eventually("each has its place", has_place).await;
            }
        }
        let nodes: [Process; 2] = nodes.try_into().ok().unwrap();
        let mut keys = Vec::new();
        for limit in LIMITS {
            let ask = json!({"name": "limited", "scopes": ["realtime"], "rate_limit": limit});
            let made = nodes[0].with(MASTER).post("/auth/keys", ask).await.expect(201);
            let secret = made.json["key"].as_str().unwrap().to_owned();
            keys.push(Limited { limit, at: [0, 1].map(|node: usize| nodes[node].with(&secret)), admitted: Vec::new() });
        }
        Self { lines, nodes, keys, _launches: launches }
    }

    /// Has all keys ask at that node until they are refused.
    async fn drain(&mut self, node: usize) -> [Drained; 3] {
        let drained = futures_util::future::join_all(self.keys.iter_mut().map(|key| key.drain(node))).await;
        drained.try_into().unwrap()
    }

    /// Waits until both ask the counter again and it knows what they admitted alone.
    async fn back(&self) {
        for (line, node) in self.lines.iter().zip(&self.nodes) {
            line.release();
            let master = node.with(MASTER);
            eventually("it counts with the other", async || limiter(&master).await["limiter"] == "leased").await;
        }
    }

    /// No window held more than the limit and what those add that are cut off alone.
    fn holds(&self, added: [u32; 3]) {
        for (key, added) in self.keys.iter().zip(added) {
            let densest = key.densest();
            assert!(densest <= key.limit + added, "{densest} of {} and {added}", key.limit);
        }
    }
}

const MASTER: &str = "the-master-key-of-two-gateways-that-are-cut-off";

async fn limiter(master: &Client) -> serde_json::Value {
    master.get("/status").await.expect(200).json["admin"].clone()
}

impl Limited {
    async fn drain(&mut self, node: usize) -> Drained {
        let mut admitted = 0;
        loop {
            let sent = SystemClock.monotonic();
            let answer = self.at[node].get("/auth/me").await;
            match answer.code() {
                200 => {
                    self.admitted.push((sent, SystemClock.monotonic()));
                    admitted += 1;
                }
                code @ (429 | 503) => {
                    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
                    return Drained { admitted, unavailable: code == 503 };
                }
                code => panic!("{code} {}", answer.text),
            }
        }
    }

    /// The most that lay in one window for sure, however slow the machine is.
    fn densest(&self) -> u32 {
        let within = |from: &(Duration, Duration)| {
            let inside = |(sent, heard): &&(Duration, Duration)| *sent >= from.0 && *heard < from.0 + MINUTE;
            u32::try_from(self.admitted.iter().filter(inside).count()).unwrap()
        };
        self.admitted.iter().map(within).max().unwrap_or(0)
    }
}

/// These are the shares: who has none is told of an outage. A test that takes longer than a minute sees more.
fn have(drained: [Drained; 3], shares: [u32; 3]) {
    for (drained, share) in drained.into_iter().zip(shares) {
        assert!(drained.admitted >= share && drained.unavailable == (share == 0), "{drained:?} of a share of {share}");
        assert!(share > 0 || drained.admitted == 0, "{drained:?} without a share");
    }
}

async fn late_for_both(url: String) {
    let mut pair = Pair::start(&url, "share").await;
    pair.lines.iter().for_each(SlowLine::hold);
    have(pair.drain(0).await, [1, 4, 20]);
    have(pair.drain(1).await, [0, 3, 20]);
    pair.holds([0; 3]);
    pair.back().await;
    pair.drain(0).await;
    pair.drain(1).await;
    pair.holds([0; 3]);
}

async fn late_for_one(url: String) {
    let mut pair = Pair::start(&url, "share").await;
    pair.lines[1].hold();
    have(pair.drain(1).await, [0, 3, 20]);
    pair.drain(0).await;
    pair.holds([0, 3, 20]);
    pair.back().await;
    pair.drain(1).await;
    pair.drain(0).await;
    pair.holds([0, 3, 20]);
}

async fn late_for_one_and_back_before_the_other_asks(url: String) {
    let mut pair = Pair::start(&url, "share").await;
    pair.lines[1].hold();
    have(pair.drain(1).await, [0, 3, 20]);
    // What it admitted alone is told to the counter, which gives no more than the rest to the other.
    pair.back().await;
    pair.drain(0).await;
    pair.holds([0; 3]);
    pair.drain(1).await;
    pair.holds([0; 3]);
}

async fn late_after_much_was_given(url: String) {
    let mut pair = Pair::start(&url, "share").await;
    for key in &mut pair.keys {
        for _ in 0..key.limit.min(19) {
            let sent = SystemClock.monotonic();
            key.at[0].get("/auth/me").await.expect(200);
            key.admitted.push((sent, SystemClock.monotonic()));
        }
    }
    pair.lines.iter().for_each(SlowLine::hold);
    // The shares are 1, 4 and 20, and of these 1, 7 and 19 are used in this minute.
    pair.drain(0).await;
    pair.holds([0; 3]);
    pair.drain(1).await;
    pair.holds([0, 3, 0]);
    pair.back().await;
    pair.drain(0).await;
    pair.drain(1).await;
    pair.holds([0, 3, 0]);
}

async fn strict(url: String) {
    let mut pair = Pair::start(&url, "strict").await;
    pair.lines[0].hold();
    have(pair.drain(0).await, [0; 3]);
    pair.drain(1).await;
    pair.lines[1].hold();
    have(pair.drain(0).await, [0; 3]);
    for drained in pair.drain(1).await {
        assert_eq!(drained.admitted, 0, "neither by one node nor by two");
    }
    pair.back().await;
    pair.drain(0).await;
    pair.drain(1).await;
    pair.holds([0; 3]);
}

macro_rules! on {
    ($store:ident, $url:expr) => {
        mod $store {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_counter_that_is_late_for_both_leaves_them_shares_of_the_limit() {
                late_for_both($url).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_node_whose_counter_is_late_adds_its_share_and_no_more() {
                late_for_one($url).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_a_node_admitted_alone_is_taken_from_what_the_others_get_afterwards() {
                late_for_one_and_back_before_the_other_asks($url).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_the_counter_gave_before_is_part_of_a_share() {
                late_after_much_was_given($url).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn strict_nodes_admit_nothing_while_the_counter_is_late() {
                strict($url).await;
            }
        }
    };
}

on!(redis, redis_url());
on!(postgres, postgres_url().await);
