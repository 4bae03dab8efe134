//! A million keys: what each costs in memory once it is known, how soon a gateway with a million keys in SQLite answers,
//! and what the first request of a key costs beside the second.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints figures, and ends when it cannot")]

#[path = "keys.rs"]
mod keys;

use dalston_auth::Requirement;
use dalston_model::{Clock, SystemClock};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Builder;

const MILLION: usize = 1_000_000;
/// Keys that are asked for over HTTP.
const ASKED: usize = 10_000;
const ADDRESS: &str = "127.0.0.1:18765";

fn main() {
    println!("resident memory for each of {MILLION} keys in memory: {} bytes", bytes_for_each());
    let folder = TempDir::new().expect("a folder");
    let database = folder.path().join("dalston.db");
    // The first start makes the tables and one key.
    let (first, _) = Gateway::start(folder.path());
    drop(first);
    let secrets = folder.path().join("secrets");
    let fill = Command::new("python3").arg("benches/million.py").arg(&database).arg(&secrets).status();
    assert!(fill.is_ok_and(|status| status.success()), "python3 fills the database");
    let secrets: Vec<String> =
        fs::read_to_string(secrets).expect("secrets").lines().take(ASKED).map(str::to_owned).collect();
    let (gateway, waited) = Gateway::start(folder.path());
    let mut client = Client::new();
    let began = SystemClock.monotonic();
    assert!(client.is_admitted(&secrets[0]));
    let answered = waited + SystemClock.monotonic().saturating_sub(began);
    println!("start to the first answer, a million keys in SQLite: {answered:.1?}");
    for name in ["first", "second"] {
        let mut took: Vec<Duration> = secrets[1..].iter().map(|secret| client.time(secret)).collect();
        took.sort();
        println!(
            "{name} request of a key: median {:.1?}, p99 {:.1?}",
            took[took.len() / 2],
            took[took.len() * 99 / 100]
        );
    }
    drop(gateway);
}

/// What a known key takes in this process: the keys themselves are in a store beside, which is there before.
fn bytes_for_each() -> u64 {
    let tokio = Builder::new_current_thread().build().expect("a runtime");
    tokio.block_on(async {
        let (gate, secrets) = keys::gate(Arc::new(SystemClock), MILLION, None).await;
        let before = resident();
        for secret in &secrets {
            // Usage is not written: this store keeps it in the memory that is measured.
            gate.authenticate(keys::attempt(secret), Requirement::Caller).await.expect("a live key");
        }
        let kept = gate.memory().keys as u64;
        resident().saturating_sub(before) / kept.max(1)
    })
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}

/// A gateway on the folder's database.
struct Gateway(Child);

impl Gateway {
    /// With how long it took to answer anything.
    fn start(folder: &Path) -> (Self, Duration) {
        let began = SystemClock.monotonic();
        let mut command = Command::new("target/release/dalston-gateway");
        command.env("DALSTON_LISTEN", ADDRESS).env("DALSTON_DATA_DIR", folder).env("DALSTON_LOG", "warn");
        let gateway = Self(command.spawn().expect("a gateway: cargo build --release --bin dalston-gateway"));
        // The port is open before the store is: only an answer says that it serves.
        let mut stream = loop {
            match TcpStream::connect(ADDRESS) {
                Ok(stream) => break stream,
                Err(_) => std::thread::yield_now(),
            }
        };
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a socket");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        (gateway, SystemClock.monotonic().saturating_sub(began))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A connection that is kept.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new() -> Self {
        let stream = TcpStream::connect(ADDRESS).expect("a gateway");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    fn time(&mut self, secret: &str) -> Duration {
        let began = SystemClock.monotonic();
        assert!(self.is_admitted(secret));
        SystemClock.monotonic().saturating_sub(began)
    }

    /// Asks where only the scope is decided: nothing of the store is shown.
    fn is_admitted(&mut self, secret: &str) -> bool {
        let request = format!("GET /auth/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).expect("a socket");
        let (mut status, mut length) = (String::new(), 0);
        self.0.read_line(&mut status).expect("a socket");
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a socket");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a socket");
        // The key is live, and not an admin's.
        status.contains(" 403 ")
    }
}
