//! Which processor does what.

use anyhow::{Context, Result};
use std::fs;

/// Two of the processors that this program may use, by number.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    /// For the server that is measured, and the server of its store: the last one, as most interrupts go to the first.
    pub(crate) server: u32,
    /// For the load.
    pub(crate) load: u32,
}

impl Cores {
    /// As the kernel tells. An error where there are not two.
    pub(crate) fn read() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let allowed =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).context("proc(5) has it")?;
        // Such as `0-3,8`.
        let mut all = Vec::new();
        for part in allowed.trim().split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            all.extend(first.parse::<u32>()?..=last.parse()?);
        }
        let (first, last) = (all.first().copied(), all.last().copied());
        match (first, last) {
            (Some(load), Some(server)) if load != server => Ok(Self { server, load }),
            _ => anyhow::bail!("it takes two processors: one for the server, one for the load"),
        }
    }
}
