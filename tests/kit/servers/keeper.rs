//! A server that cannot outlive the tests.

use crate::{
    patience::PATIENCE,
    signal::{self, Signal},
};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// Starts the server for every line that it reads, and answers with its process id. Its input ends when the tests do,
/// in whatever way they end: then it stops the server, which may be frozen, and removes the folder.
const SCRIPT: &str = r#"
folder=$1 signal=$2; shift 2
while read -r line; do "$@" </dev/null >>"$folder/log" 2>&1 & echo $!; done
while kill -"$signal" $!; do kill -CONT $!; sleep 0.1; done 2>/dev/null
rm -rf "$folder"
"#;

const STEP: Duration = Duration::from_millis(10);
const STEPS: u128 = PATIENCE.as_millis() / STEP.as_millis();

/// A folder for a server, which its keeper removes: in memory where there is such a place.
pub(super) fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("dalston-").tempdir_in(parent).expect("a folder can be made").keep()
}

/// The shell that keeps a server.
pub(super) struct Keeper {
    shell: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
    pid: u32,
}

impl Keeper {
    /// For the server of this command line in its folder, stopped with this signal. It does not run yet.
    pub(super) fn new(folder: PathBuf, signal: &str, command: &[String]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "keeper"]).arg(&folder).arg(signal).args(command);
        // In a group of its own: Ctrl-C ends the tests, and the keeper then cleans up.
        shell.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("there is a shell");
        let input = shell.stdin.take();
        let output = BufReader::new(shell.stdout.take().expect("it is piped"));
        Self { shell, input, output, folder, pid: 0 }
    }

    /// Starts the server and waits until it is `ready`. `false` when it ends before.
    pub(super) fn start(&mut self, ready: impl Fn(u32) -> bool) -> bool {
        let input = self.input.as_mut().expect("it is open until the keeper is dropped");
        input.write_all(b"\n").expect("the keeper lives");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the keeper lives");
        self.pid = line.trim().parse().expect("a process id");
        for _ in 0..STEPS {
            if ready(self.pid) {
                return true;
            }
            if ended(self.pid) {
                return false;
            }
            sleep(STEP);
        }
        panic!("the server is not ready: {}", self.log())
    }

    /// Starts the server again, as often as it takes: what the last one left may be in its way for a while.
    pub(super) fn restart(&mut self, ready: impl Fn(u32) -> bool) {
        for _ in 0..STEPS {
            if self.start(&ready) {
                return;
            }
            sleep(STEP);
        }
        panic!("the server does not start: {}", self.log())
    }

    /// Sends the server a signal. After `KILL` it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        assert!(signal::send(signal, self.pid), "the server has ended: {}", self.log());
        while signal == Signal::KILL && !ended(self.pid) {
            sleep(STEP);
        }
    }

    /// Sends the server a signal, and then all processes that it has started: one that is frozen starts no more.
    pub(super) fn signal_all(&self, signal: Signal) {
        self.signal(signal);
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for child in children.split_whitespace() {
            // It may have ended.
            signal::send(signal, child.parse().expect("the id of a process"));
        }
    }

    /// What the server wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

/// Whether the process is gone, or waits for its parent to notice.
fn ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in brackets and may hold any character.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, None | Some('Z' | 'X'))
}
