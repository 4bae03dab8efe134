//! Signals to processes that the tests have started.

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// Sends the signal to the process of this id. `false`: there is no such process any more.
pub fn send(signal: Signal, pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the id of a process");
    kill_process(pid, signal).is_ok()
}
