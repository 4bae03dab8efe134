//! What a process and all that it started cost the machine, as the kernel counts it.

use anyhow::{Context, Result};
use std::{fs, time::Duration};

/// A hundred ticks a second, on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time and memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Burden {
    /// Processor time since the start, in user and kernel mode, with that of children that have ended.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes; what several processes share is counted once, where the kernel tells.
    pub(crate) resident: u64,
}

/// A line of `/proc/PID/stat`.
struct Stat {
    pid: u32,
    parent: u32,
    ticks: u32,
}

impl Burden {
    /// Of this process and its descendants.
    pub(crate) fn of(root: u32) -> Result<Self> {
        let all: Vec<Stat> =
            fs::read_dir("/proc")?.filter_map(|entry| stat(&entry.ok()?.file_name().to_string_lossy())).collect();
        let root = all.iter().find(|stat| stat.pid == root).context("the process has ended")?;
        let mut family = vec![root];
        let mut next = 0;
        while let Some(parent) = family.get(next).map(|stat| stat.pid) {
            family.extend(all.iter().filter(|stat| stat.parent == parent));
            next += 1;
        }
        Ok(Self {
            cpu: TICK * family.iter().map(|stat| stat.ticks).sum::<u32>(),
            resident: family.iter().map(|stat| resident(stat.pid)).sum::<u64>() * 1024,
        })
    }
}

/// `None` for what is no process, or has gone.
fn stat(name: &str) -> Option<Stat> {
    let pid = name.parse().ok()?;
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which is in brackets and may hold any character.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Stat { pid, parent: fields.get(1)?.parse().ok()?, ticks })
}

/// KiB. A program may keep its maps from all but root; its share of common pages is then counted in full.
fn resident(pid: u32) -> u64 {
    let line = |file: &str, start: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        text.lines().find_map(|line| line.strip_prefix(start))?.trim().trim_end_matches(" kB").parse().ok()
    };
    line("smaps_rollup", "Pss:").or_else(|| line("status", "VmRSS:")).unwrap_or(0)
}
