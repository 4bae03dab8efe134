//! Redis.

use super::{
    free_port,
    keeper::{Keeper, folder},
    program,
};
use crate::signal::Signal;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

const DATABASES: u32 = 4096;

/// The URL of an empty database of the Redis that all tests share.
pub fn redis_url() -> String {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let database = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(database < DATABASES, "more than {DATABASES} databases");
    let Redis { port, .. } = SHARED.get_or_init(|| Redis::start(&[]));
    format!("redis://127.0.0.1:{port}/{database}")
}

/// A Redis of one's own, with an append-only file. It ends when it is dropped.
pub struct Redis {
    keeper: Keeper,
    port: u16,
}

impl Redis {
    /// Starts one, with more options of its command line: `["--maxmemory", "1mb"]`.
    pub fn start(options: &[&str]) -> Self {
        let program = program("redis-server", "redis-server");
        loop {
            let (folder, port) = (folder(), free_port());
            let (dir, port_text, databases) = (folder.display().to_string(), port.to_string(), DATABASES.to_string());
            let fixed = [
                ["--port", &port_text],
                ["--bind", "127.0.0.1"],
                ["--dir", &dir],
                ["--databases", &databases],
                ["--save", ""],
                ["--appendonly", "yes"],
                ["--appendfsync", "everysec"],
            ];
            let command: Vec<String> =
                [program.as_str()].iter().chain(fixed.as_flattened()).chain(options).map(ToString::to_string).collect();
            let mut keeper = Keeper::new(folder, "KILL", &command);
            if keeper.start(|_| answers(port)) {
                return Self { keeper, port };
            }
            // Somebody was faster to take the port; all else is a fault.
            assert!(keeper.log().contains("Address already in use"), "{}", keeper.log());
        }
    }

    /// The URL of its first database.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        self.keeper.signal(Signal::KILL);
    }

    /// Freezes it: it accepts connections and answers nothing.
    pub fn pause(&self) {
        self.keeper.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.keeper.signal(Signal::CONT);
    }

    /// Starts it again after [`Redis::kill`], on the same port with the same data.
    pub fn restart(&mut self) {
        let port = self.port;
        self.keeper.restart(|_| answers(port));
    }
}

/// Whether it has read its data and answers.
fn answers(port: u16) -> bool {
    let ping = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(answer == *b"+PONG")
    };
    ping().unwrap_or(false)
}
