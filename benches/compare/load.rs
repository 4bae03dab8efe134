//! The load: wrk, on a core of its own.

use crate::cores::Cores;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;

const CONNECTIONS: &str = "64";
/// Longer than any answer takes: the slow are measured, too.
const PATIENCE: &str = "30s";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/compare/load.lua");

/// What the clients saw.
pub(crate) struct Load {
    /// Answered requests.
    pub(crate) requests: f64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// Of a hundred requests one took longer, in microseconds.
    pub(crate) p99: f64,
}

impl Load {
    /// Asks `url` with this key for so many seconds, over 64 connections. An error when any answer was not a success.
    pub(crate) fn run(url: &str, key: &str, seconds: u32, cores: Cores) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "taskset", "-c", &cores.load.to_string()]);
        command.args([
            "wrk",
            "-t",
            "1",
            "-c",
            CONNECTIONS,
            "-d",
            &format!("{seconds}s"),
            "--timeout",
            PATIENCE,
            "-s",
            SCRIPT,
        ]);
        command.args(["-H", &format!("Authorization: Bearer {key}"), url]);
        let output = command.output().context("wrk is installed by benches/run")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().rfind(|line| line.starts_with('{'));
        let line = line.with_context(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
        let counted: Value = serde_json::from_str(line)?;
        let number = |name: &str| counted[name].as_f64().with_context(|| format!("no {name} in {line}"));
        ensure!(number("refused")? + number("failed")? == 0.0, "not every request was admitted: {line}");
        ensure!(number("requests")? > 0.0, "nothing was answered in time: longer turns, by BENCH_SECONDS");
        Ok(Self {
            requests: number("requests")?,
            seconds: number("micros")? / 1e6,
            p50: number("p50")?,
            p99: number("p99")?,
        })
    }
}
