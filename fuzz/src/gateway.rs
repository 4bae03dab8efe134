//! The gateway under attack: its program, on memory, in a folder of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

pub struct Gateway {
    pub address: SocketAddr,
    pub secret: String,
    child: Child,
    home: PathBuf,
    log: JoinHandle<()>,
    deaths: Arc<AtomicU64>,
    panics: Arc<AtomicU64>,
}

/// What it left behind.
pub struct Report {
    /// Decoders that died of an upload or a job.
    pub deaths: u64,
    pub panics: u64,
    /// KiB of resident memory at its greatest.
    pub most: u64,
}

impl Gateway {
    /// Starts it and waits until it listens.
    pub fn start(usual: &Path) -> Self {
        let program = env::var_os("DALSTON_GATEWAY").map_or_else(|| usual.to_owned(), PathBuf::from);
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        let home = parent.join(format!("dalston-fuzz-{}", std::process::id()));
        fs::create_dir(&home).expect("a folder can be made");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .env_clear()
            .env("DALSTON_LISTEN", "127.0.0.1:0")
            .env("DALSTON_ENGINE_SECONDS", "60")
            .env("DALSTON_DATA_DIR", home.join("data"))
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} or setpriv of util-linux: {error}", program.display()));
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let listening = lines.find(|line| line.contains("listening")).expect("it ended before it listened");
        let address = listening.split(['=', '"', ' ']).find_map(|word| word.parse().ok()).expect("an address");
        let (deaths, panics) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (died, panicked) = (deaths.clone(), panics.clone());
        let log = thread::spawn(move || {
            for line in lines {
                let counted = if line.contains("a decoder died") || line.contains("within the memory and the time") {
                    &died
                } else if line.contains("panicked") {
                    println!("{line}");
                    &panicked
                } else {
                    continue;
                };
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let secret = fs::read_to_string(home.join("data/admin.key")).expect("the first key").trim_end().to_owned();
        Self { address, secret, child, home, log, deaths, panics }
    }

    pub fn lives(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    /// KiB of resident memory.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
    }

    pub fn stop(mut self) -> Report {
        let most = self.status("VmHWM:");
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        let _read = self.log.join();
        let _gone = fs::remove_dir_all(&self.home);
        Report { deaths: self.deaths.load(Ordering::Relaxed), panics: self.panics.load(Ordering::Relaxed), most }
    }
}
