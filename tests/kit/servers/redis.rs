//! Redis.

use super::{
    free_port,
    keeper::{Keeper, folder},
    program,
};
use crate::{patience::eventually, signal::Signal};
use dalston_store_redis::PERMISSIONS;
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
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
    url("")
}

/// The same, as a user that may do what a store needs, and nothing else.
pub fn permitted_redis_url() -> String {
    url("dalston:secret@")
}

fn url(user: &str) -> String {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let database = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(database < DATABASES, "more than {DATABASES} databases");
    let Redis { port, .. } = SHARED.get_or_init(|| {
        let user = ["--user", "dalston", "on", ">secret"].into_iter().chain(PERMISSIONS.split(' '));
        Redis::start(&user.collect::<Vec<_>>())
    });
    format!("redis://{user}127.0.0.1:{port}/{database}")
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

    /// A primary, and a replica that has all of its data.
    pub async fn pair() -> (Self, Self) {
        let primary = Self::start(&["--repl-diskless-sync-delay", "0"]);
        let replica = Self::start(&["--repl-diskless-sync-delay", "0"]);
        replica.follows(&primary).await;
        (primary, replica)
    }

    /// Makes it a replica, and waits until it has the other's data.
    pub async fn follows(&self, primary: &Self) {
        self.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]).await;
        let linked = async || self.ask(&["INFO", "replication"]).await.contains("master_link_status:up");
        eventually("it has the other's data", linked).await;
    }

    /// Makes it a replica of a server that is not there: it keeps the data that it has.
    pub async fn follows_nobody(&self) {
        self.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    }

    /// Waits until its replica has all of its data.
    pub async fn is_copied(&self) {
        // It waits for what was written on the connection that asks, and before.
        let mut connection = self.connection().await;
        let mut commands = redis::pipe();
        commands.cmd("SET").arg("kit").arg("").ignore().cmd("DEL").arg("kit").ignore();
        commands.cmd("WAIT").arg(1).arg(0).ignore();
        commands.query_async::<()>(&mut connection).await.expect("it has a replica");
    }

    /// Makes it a primary.
    pub async fn leads(&self) {
        self.ask(&["REPLICAOF", "NO", "ONE"]).await;
    }

    /// The answer to a command, as text.
    pub async fn ask(&self, words: &[&str]) -> String {
        let mut connection = self.connection().await;
        let mut command = redis::Cmd::new();
        let answer: redis::Value = command.arg(words).query_async(&mut connection).await.expect("it knows the command");
        redis::from_redis_value(answer).unwrap_or_default()
    }

    /// A connection on which an answer may take its time.
    async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        let patient = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&patient).await.expect("it is up")
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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
