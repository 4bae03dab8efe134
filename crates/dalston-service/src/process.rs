//! Resource usage of this process, as reported by the kernel.

use std::fs;

/// Memory and processor time of this process. A field is `None` when the kernel does not report it.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Process {
    /// Resident memory in bytes; null when the kernel does not report it.
    pub resident_bytes: Option<u64>,
    /// Processor time since the start in seconds, user and system; null when the kernel does not report it.
    pub cpu_seconds: Option<f64>,
}

impl Process {
    /// Reads the current usage.
    pub fn read() -> Self {
        Self { resident_bytes: resident(), cpu_seconds: cpu() }
    }
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

fn cpu() -> Option<f64> {
    // proc(5): fields 14 and 15 are the user and system time in ticks. Linux shows user space 100 ticks per second.
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(f64::from(ticks()?.checked_add(ticks()?)?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_the_process_uses() {
        let process = Process::read();
        assert!(process.resident_bytes.unwrap() > 1_000_000);
        assert!(process.cpu_seconds.is_some());
    }
}
