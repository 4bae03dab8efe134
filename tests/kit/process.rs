//! The gateway as it is shipped: its program, as a process of its own, that can be killed, stopped and started again.

use crate::{
    client::Client,
    log,
    patience::PATIENCE,
    program::program,
    signal::{self, Signal},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read as _},
    mem,
    net::SocketAddr,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};
use tempfile::TempDir;

pub use crate::patience::eventually;

/// How a gateway is started, as often as one likes, always on the same folder.
pub struct Launch {
    settings: Vec<(String, String)>,
    arguments: Vec<String>,
    home: TempDir,
}

/// A gateway that runs. It is killed when it is dropped, and when the tests end in whatever way.
pub struct Process {
    child: Child,
    lines: Arc<Lines>,
    reader: Option<JoinHandle<()>>,
    data: PathBuf,
    /// Where it listens; known once it does.
    pub address: SocketAddr,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

/// What reads the log of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hears {
    /// All lines.
    #[default]
    All,
    /// It is there, and reads no more.
    Nothing,
    /// It has gone.
    Gone,
}

/// How a gateway ended, and all that it wrote to standard error.
pub struct Ended {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The lines of its standard error.
    pub lines: Vec<String>,
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

impl Launch {
    /// On the embedded database, with its folder in memory where there is such a place.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        Self::within(if memory.is_dir() { memory } else { Path::new("/tmp") })
    }

    /// With its folder on the disk.
    pub fn on_disk() -> Self {
        Self::within(&program("dalston-gateway").with_file_name(""))
    }

    fn within(parent: &Path) -> Self {
        let home = tempfile::Builder::new().prefix("dalston-").tempdir_in(parent).expect("a folder can be made");
        Self { settings: Vec::new(), arguments: Vec::new(), home }
            .set("DALSTON_LISTEN", "127.0.0.1:0")
            .set("DALSTON_LOG", "debug")
            .set("DALSTON_DRAIN_SECONDS", "0")
    }

    /// With a variable in its environment, which holds nothing else.
    #[must_use]
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.settings.retain(|(name, _)| name != variable);
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// From now on with this value of a variable, or without it.
    pub fn change(&mut self, variable: &str, value: Option<&str>) {
        self.settings.retain(|(name, _)| name != variable);
        self.settings.extend(value.map(|value| (variable.to_owned(), value.to_owned())));
    }

    /// With words on its command line.
    #[must_use]
    pub fn words(mut self, words: &[&str]) -> Self {
        self.arguments.extend(words.iter().map(ToString::to_string));
        self
    }

    /// On this store.
    #[must_use]
    pub fn store(self, url: &str) -> Self {
        self.set("DALSTON_STORE", url)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("dalston-data")
    }

    /// Starts it and waits until it listens.
    pub fn start(&self) -> Process {
        let mut process = self.spawn();
        process.listening();
        process
    }

    /// Starts it and waits until it has ended by itself.
    pub fn refused(&self) -> Ended {
        self.spawn().ended()
    }

    /// Starts it and waits for nothing.
    pub fn spawn(&self) -> Process {
        log::start();
        // The thread that starts it must outlive it: that of the test does.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program("dalston-gateway")).args(&self.arguments);
        command.env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().expect("there is setpriv, of util-linux");
        let lines = Arc::new(Lines::default());
        let (stderr, into) = (child.stderr.take().expect("it is piped"), lines.clone());
        let reader = thread::spawn(move || {
            let mut stderr = BufReader::new(stderr);
            let mut hears = Hears::All;
            for line in stderr.by_ref().split(b'\n').map_while(Result::ok) {
                hears = into.push(String::from_utf8_lossy(&line).into_owned());
                if hears != Hears::All {
                    break;
                }
            }
            into.close();
            if hears == Hears::Nothing {
                // The pipe stays open, and fills.
                mem::forget(stderr);
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Process { child, lines, reader: Some(reader), data: self.data(), address, url: String::new() }
    }
}

impl Process {
    /// Whether it came to listen, and has not ended before.
    pub fn has_started(&self) -> bool {
        self.lines.wait("listening").is_some()
    }

    /// Waits until it listens.
    pub fn listening(&mut self) {
        let line = self.line("listening");
        let address = line.split(['=', '"', ' ']).find_map(|word| word.parse::<SocketAddr>().ok());
        self.address = address.unwrap_or_else(|| panic!("no address in {line}"));
        self.url = format!("http://{}", self.address);
    }

    /// From the next line of its log on it is heard otherwise.
    pub fn is_heard(&self, hears: Hears) {
        self.lines.lock().hears = hears;
    }

    /// Waits for the first line of its log that holds this.
    pub fn line(&self, part: &str) -> String {
        self.lines.wait(part).unwrap_or_else(|| panic!("it does not say {part:?}: {:#?}", self.lines.all()))
    }

    /// What it has written to standard error so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Somebody without a key.
    pub fn anon(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// Somebody with this secret.
    pub fn with(&self, secret: &str) -> Client {
        log::guard(secret);
        Client::new(&self.url, Some(secret))
    }

    /// The holder of the first admin key, as the gateway left it in its file.
    pub fn admin(&self) -> Client {
        let path = self.data.join("admin.key");
        let secret = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.with(secret.trim_end())
    }

    /// Its resident memory at its greatest so far, in bytes, as the kernel tells.
    pub fn greatest_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("proc(5) has it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Ends it as a crash would, at once.
    pub fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        assert!(signal::send(signal, self.pid()), "it has ended: {:#?}", self.lines.all());
    }

    /// Waits until it has ended.
    pub fn ended(mut self) -> Ended {
        let status: ExitStatus = self.child.wait().expect("it is ours");
        self.reader.take().expect("only here").join().expect("it only reads");
        Ended { code: status.code(), signal: status.signal(), lines: self.lines.all() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let leaks = log::searched(&self.lines.all().join("\n"));
        if !thread::panicking() {
            assert!(leaks.is_empty(), "secrets on standard error: {leaks:?}");
        }
    }
}

impl Ended {
    /// All lines.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Lines that one thread writes and others wait for.
#[derive(Default)]
struct Lines {
    read: Mutex<Read>,
    more: Condvar,
}

#[derive(Default)]
struct Read {
    lines: Vec<String>,
    has_ended: bool,
    hears: Hears,
}

impl Lines {
    fn push(&self, line: String) -> Hears {
        let mut read = self.lock();
        read.lines.push(line);
        self.more.notify_all();
        read.hears
    }

    fn close(&self) {
        self.lock().has_ended = true;
        self.more.notify_all();
    }

    fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// The first line that holds `part`; `None` when there are no more lines, or none comes.
    fn wait(&self, part: &str) -> Option<String> {
        let mut read = self.lock();
        loop {
            if let Some(line) = read.lines.iter().find(|line| line.contains(part)) {
                return Some(line.clone());
            }
            if read.has_ended {
                return None;
            }
            let (next, waited) = self.more.wait_timeout(read, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return None;
            }
            read = next;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the files in a folder.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    // A file may go while they are read.
    let names = entries.map_while(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
