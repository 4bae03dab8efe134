//! The seccomp filter of a decoder process: which system calls it may make.

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    fs::File,
    io,
    os::fd::{AsRawFd, RawFd},
};

/// System calls that are allowed with any arguments: they open no files and communicate with no other process.
const ALLOWED: [libc::c_long; 19] = [
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Locks, clock, randomness.
    libc::SYS_clock_gettime,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    // The process's own signals and exit.
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// File descriptors of standard output and standard error.
const OUTPUTS: [RawFd; 2] = [1, 2];

/// Installs the filter for this thread and those that it starts: the kernel refuses all calls except the ones above,
/// reads of `input`, and writes to the outputs. Does nothing where the processor or the kernel does not support seccomp
/// filters: the resource limits apply there too.
pub(super) fn filter(input: &File) -> io::Result<()> {
    let Ok(arch) = TargetArch::try_from(ARCH) else { return Ok(()) };
    let program = program(input.as_raw_fd(), arch).map_err(io::Error::other)?;
    match apply_filter(&program) {
        // A kernel without seccomp filters reports an unknown call or mode.
        Err(Error::Seccomp(error)) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => Ok(()),
        applied => applied.map_err(io::Error::other),
    }
}

fn program(input: RawFd, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
    for call in [libc::SYS_read, libc::SYS_readv, libc::SYS_lseek] {
        rules.insert(call, vec![first_argument_is(input)?]);
    }
    // Only anonymous memory: mapping a file would read an inherited one.
    let anonymous = libc::MAP_ANONYMOUS.unsigned_abs().into();
    let is_anonymous = SeccompCmpOp::MaskedEq(anonymous);
    let flags = SeccompCondition::new(3, SeccompCmpArgLen::Dword, is_anonymous, anonymous)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![flags])?]);
    // `tgkill` on itself only: `abort` uses it.
    let this = RawFd::try_from(std::process::id()).unwrap_or(RawFd::MAX);
    rules.insert(libc::SYS_tgkill, vec![first_argument_is(this)?]);
    for call in [libc::SYS_write, libc::SYS_writev] {
        rules.insert(call, OUTPUTS.into_iter().map(first_argument_is).collect::<Result<_, _>>()?);
    }
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()
}

/// Returns the rule that the first argument must equal this number.
fn first_argument_is(number: RawFd) -> Result<SeccompRule, seccompiler::BackendError> {
    let value = u64::from(number.unsigned_abs());
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{ErrorKind, Read},
        net::{TcpStream, UdpSocket},
        process::Command,
        thread,
    };

    #[test]
    fn a_filtered_thread_reads_its_input_and_reaches_nothing_else() {
        let (input, mut other) = (File::open("/proc/self/status").unwrap(), File::open("/proc/self/stat").unwrap());
        let refused = thread::spawn(move || {
            filter(&input).unwrap();
            let mut input = input;
            assert!(input.read(&mut [0; 16]).unwrap() > 0);
            let grown = vec![1_u8; 4 * 1024 * 1024];
            assert_eq!(grown.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 4 * 1024 * 1024);
            [
                ("an open file", other.read(&mut [0; 16]).err()),
                ("a file", File::open("/etc/passwd").err()),
                ("a new file", File::create("/tmp/by-a-filtered-thread").err()),
                ("a connection", TcpStream::connect("127.0.0.1:9").err()),
                ("a socket", UdpSocket::bind("127.0.0.1:0").err()),
                ("a program", Command::new("/bin/true").status().err()),
                ("a thread", thread::Builder::new().spawn(|| {}).err()),
            ]
            .map(|(name, error)| (name, error.map(|error| error.kind())))
        });
        for (name, error) in refused.join().unwrap() {
            assert_eq!(error, Some(ErrorKind::PermissionDenied), "{name}");
        }
    }
}
