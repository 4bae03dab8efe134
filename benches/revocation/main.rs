//! How long a revoked key is still accepted by the other one of two nodes, under load: the shipped program twice on one
//! store, over sockets. Then the same with the connection between that node and the store cut, delayed and frozen.
//!
//! `cargo build --release --bin dalston-gateway && cargo bench -p dalston-benches --bench revocation -- 10000 redis`:
//! rounds, and stores, if not all of them. The lag of a round is from the answer to the revocation until the last request
//! was sent that was still accepted, or zero. A node that accepts one later than the freshness bound, or at all where the
//! key was revoked, fails the run.

#[path = "../compare/burden.rs"]
#[expect(dead_code, reason = "the comparison's")]
mod burden;
mod connection;
#[path = "../compare/cores.rs"]
#[expect(dead_code, reason = "the comparison's load has a core of its own")]
mod cores;
mod lags;
mod load;
mod nodes;
mod relay;
mod round;
#[path = "../compare/server.rs"]
#[expect(dead_code, reason = "the comparison needs more of it")]
mod server;
#[path = "../compare/store.rs"]
mod store;

use anyhow::{Context, Result};
use cores::Cores;
use dalston_model::{Clock, SystemClock};
use lags::Lags;
use load::{Asked, Load};
use nodes::{Nodes, STORES};
use relay::Fault;
use round::Rounds;
use std::{env, time::Duration};

/// Of the claim.
const ROUNDS: usize = 10_000;
/// Requests a minute: the most that a key can have.
const LIMIT: u32 = 1_000_000;

/// What is done to the other node, how it is told, and for how many rounds one round of it is done: the more one takes
/// the fewer.
const FAULTS: [(Fault, &str, usize); 4] = [
    (Fault::None, "all well", 1),
    (Fault::Cut, "no wake-ups", 100),
    (Fault::Delayed, "a delayed store", 1_000),
    (Fault::Frozen, "a frozen store", 1_000),
];

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    // `cargo test` builds it and asks for nothing.
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let named: Vec<&str> = STORES.into_iter().filter(|store| words.iter().any(|word| word == store)).collect();
    let cores = Cores::read()?;
    for store in if named.is_empty() { STORES.to_vec() } else { named } {
        measure(store, rounds, cores).with_context(|| format!("on {store}"))?;
    }
    Ok(())
}

fn measure(store: &str, rounds: usize, cores: Cores) -> Result<()> {
    let nodes = Nodes::start(store, cores)?;
    let mut round = Rounds::open(&nodes)?;
    for (fault, told, share) in FAULTS {
        // The embedded database is a file: there is no connection that could fail.
        if fault != Fault::None && nodes.relay.is_none() {
            continue;
        }
        let here = Load::start(nodes.here.address, round.limited(LIMIT)?)?;
        let there = Load::start(nodes.there.address, round.limited(LIMIT)?)?;
        let began = SystemClock.monotonic();
        let lags = round.run(rounds.div_ceil(share), fault)?;
        let took = SystemClock.monotonic().saturating_sub(began);
        let asked = [here.stop()?, there.stop()?];
        say(&format!("{store}, {told}: {}; {}", Lags::new(lags), under(&asked, took)));
    }
    Ok(())
}

/// What else the nodes did.
fn under(asked: &[Asked], took: Duration) -> String {
    let sum = |one: fn(&Asked) -> u64| asked.iter().map(one).sum::<u64>();
    let rate = u128::from(sum(|it| it.admitted)) * 1_000 / took.as_millis().max(1);
    format!("in {} s, beside {rate} requests/s ({} refused)", took.as_secs(), sum(|it| it.refused))
}

#[expect(clippy::print_stdout, reason = "what was measured")]
fn say(line: &str) {
    println!("{line}");
}
