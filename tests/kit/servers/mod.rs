//! Real servers, started by the tests themselves on free ports in a folder in memory, and gone when the tests end.

mod certificate;
mod keeper;
mod moto;
mod pgbouncer;
mod postgres;
mod proxy;
mod redis;

pub use moto::{Moto, User};
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, postgres_url};
pub use proxy::{Front, Proxy};
pub use redis::{Redis, permitted_redis_url, redis_url};

use std::{
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

/// The path of a program from Debian.
pub fn program(name: &str, package: &str) -> String {
    // Debian keeps the programs of PostgreSQL out of the path, and those of PgBouncer out of that of most users.
    let search =
        r#"command -v "$0" || ls -d /usr/sbin/"$0" /usr/lib/postgresql/*/bin/"$0" 2>/dev/null | sort -V | tail -n 1"#;
    let found = Command::new("sh").args(["-c", search, name]).output().expect("there is a shell");
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    assert!(!path.is_empty(), "{name} is missing: apt-get install --no-install-recommends {package}");
    path
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
