//! Resource limits and privileges that a decoder process gives up before it reads its input. The kernel enforces them.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::{fs::File, io, time::Duration};

/// Maximum address space in bytes, including the program itself and its stack.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Confines this process until it exits: 256 MiB of address space, the given processor time, no opening of files, no
/// child processes, no core dumps, and no writes to files. On Linux the kernel also kills it when its parent dies. With
/// a seccomp filter it may only allocate memory, read the clock, exit, read `input` and write its outputs: no network,
/// no new privileges.
pub(super) fn confine(input: &File, processor: Duration) -> io::Result<()> {
    for (resource, most) in [
        (Resource::As, MEMORY),
        (Resource::Cpu, processor.as_secs()),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
    super::filter::filter(input)?;
    Ok(())
}
