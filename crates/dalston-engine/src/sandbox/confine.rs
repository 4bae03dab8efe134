//! What a decoder gives up before it reads a byte of its input. The kernel holds it to that.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::{fs::File, io, time::Duration};

/// Address space, in bytes. The program itself and its stack are in it.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Confines this process for the rest of its life: 256 MiB of address space, so much processor time, no file but those
/// that are open, no process, no core file, and no bytes written to a file. It dies with the process that started it. On
/// Linux, where the kernel filters system calls, it can ask for nothing but memory, the time and its end, and for reads
/// of `input`: no network, no new privilege.
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
