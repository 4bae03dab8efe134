//! How much is measured.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// A key is admitted a million times a minute at most, and a fast server is asked a hundred thousand times a second.
const LONGEST: u32 = 8;

/// What the environment asks for.
pub(crate) struct Settings {
    /// Every server has so many turns.
    pub(crate) rounds: usize,
    /// A turn lasts so many seconds.
    pub(crate) seconds: u32,
    /// Where the table and the picture go.
    pub(crate) results: PathBuf,
    /// Where `benches/run` has installed the peers of other languages.
    pub(crate) tools: PathBuf,
    peers: Vec<String>,
}

impl Settings {
    /// From `BENCH_ROUNDS`, `BENCH_SECONDS`, `BENCH_PEERS` (parts of names, comma-separated), `BENCH_RESULTS`.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        let number = |name: &str, default: u32| -> Result<u32> {
            let Some(text) = variable(name) else { return Ok(default) };
            text.parse().with_context(|| format!("{name} is a number"))
        };
        let (rounds, seconds) = (number("BENCH_ROUNDS", 5)?, number("BENCH_SECONDS", 5)?);
        ensure!(rounds >= 1, "BENCH_ROUNDS is at least 1");
        ensure!((1..=LONGEST).contains(&seconds), "BENCH_SECONDS is 1 to {LONGEST}: longer turns reach the limit");
        let named = variable("BENCH_PEERS").unwrap_or_default();
        Ok(Self {
            rounds: usize::try_from(rounds)?,
            seconds,
            results: variable("BENCH_RESULTS").map_or_else(|| benches.join("results"), PathBuf::from),
            tools: benches.join("../target/bench"),
            peers: named.split(',').map(|part| part.trim().to_lowercase()).filter(|part| !part.is_empty()).collect(),
        })
    }

    /// Whether this peer takes part.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|part| name.to_lowercase().contains(part))
    }
}
