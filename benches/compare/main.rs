//! The gateway beside its peers: each answers the same request after the same work, on one core, in the same run.
//!
//! `bash benches/run` installs the peers, builds and runs this. What is compared, and how: `benches/README.md`.

mod burden;
mod cores;
mod figures;
mod gateway_server;
mod ground;
mod http;
mod load;
mod peer;
mod peers;
mod picture;
mod report;
mod sample;
mod server;
mod settings;
mod standing;
mod store;
mod turn;

use anyhow::{Context, Result};
use cores::Cores;
use dalston_model::{Clock, SystemClock};
use figures::{Pair, Row};
use ground::Ground;
use peer::{BARE, PEERS, Peer};
use report::Report;
use sample::Sample;
use settings::Settings;
use std::{env, fs};

fn main() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the one place where this program reads the environment")]
    let settings = Settings::read(&|variable| env::var(variable).ok())?;
    let ground = ground(&settings)?;
    let peers: Vec<&Peer> = PEERS.iter().filter(|peer| settings.wants(peer.name)).collect();
    let mut rows: Vec<Row> = peers.iter().map(|peer| Row { name: peer.name, rounds: Vec::new() }).collect();
    for round in 0..settings.rounds {
        // Each round begins with another peer, so that none is always the one after a given other.
        for step in 0..peers.len() {
            let place = (step + round) % peers.len();
            let peer = peers[place];
            let pair = pair(peer, &ground, &settings, round % 2 == 0).with_context(|| format!("peer {}", peer.name))?;
            say(&format!("round {}: {}: {}", round + 1, peer.name, pair.line()));
            rows[place].rounds.push(pair);
        }
    }
    let report = Report::new(&SystemClock.now().to_string(), &settings, rows);
    let table = report.markdown();
    say(&table);
    fs::create_dir_all(&settings.results)?;
    fs::write(settings.results.join("compare.md"), table)?;
    fs::write(settings.results.join("compare.svg"), picture::draw(&report))?;
    Ok(())
}

/// What all turns stand on: the cores, the programs, the answer that everybody gives.
fn ground(settings: &Settings) -> Result<Ground> {
    let cores = Cores::read()?;
    let programs = env::current_exe()?.parent().context("a program lies in a folder")?.to_owned();
    let sample = Sample::take(&programs, cores).context("the gateway's answer")?;
    let (kept, tools) = (tempfile::NamedTempFile::new()?, settings.tools.clone());
    fs::write(kept.path(), sample.text())?;
    Ok(Ground { cores, programs, tools, sample, kept })
}

/// A peer and the bare handler, one after the other. Which is first changes from round to round: a machine that
/// becomes slower within a round favours neither.
fn pair(peer: &Peer, ground: &Ground, settings: &Settings, bare_first: bool) -> Result<Pair> {
    if bare_first {
        let bare = turn::run(&BARE, ground, settings).context("the bare handler")?;
        Ok(Pair { bare, peer: turn::run(peer, ground, settings)? })
    } else {
        let figures = turn::run(peer, ground, settings)?;
        Ok(Pair { bare: turn::run(&BARE, ground, settings).context("the bare handler")?, peer: figures })
    }
}

#[expect(clippy::print_stdout, reason = "what was measured")]
fn say(text: &str) {
    println!("{text}");
}
