//! Servers of stores, fresh for each turn, on the core of the server that asks them.

use crate::{
    cores::Cores,
    server::{Launch, Server},
};
use anyhow::{Context, Result, ensure};
use rustix::process::{Signal, geteuid};
use std::{fs, process::Command};

/// A Redis that writes its append-only file to the disk each second.
pub(crate) fn redis(cores: Cores) -> Result<(Server, String)> {
    let launch = Launch::new("redis-server")?;
    let port = launch.address.port().to_string();
    let words = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"];
    let server = launch.words(words).start(cores)?;
    let url = format!("redis://{}/0", server.address);
    Ok((server, url))
}

/// A Postgres as it comes, with an empty database. It commits to the disk.
pub(crate) fn postgres(cores: Cores) -> Result<(Server, String)> {
    let mut launch = Launch::new(program("postgres")?)?.stop(Signal::QUIT);
    let mut initdb = Command::new("setpriv");
    // It refuses to run as root.
    if geteuid().is_root() {
        launch = launch.user("postgres")?;
        initdb.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    let data = launch.folder().join("data");
    initdb
        .arg("--")
        .arg(program("initdb")?)
        .args(["--auth=trust", "--username=postgres", "--no-sync", "-D"])
        .arg(&data);
    let made = initdb.current_dir(launch.folder()).output()?;
    ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = launch.address.port().to_string();
    let mut server = launch
        .words(["-p", &port, "-h", "127.0.0.1", "-k", "", "-D"])
        .words([&data])
        .start(cores)
        .context("Postgres")?;
    // It listens before it answers. The eighth line of its file says when it does.
    server.until(|server| {
        let file = fs::read_to_string(server.folder().join("data/postmaster.pid")).unwrap_or_default();
        file.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    })?;
    let url = format!("postgres://postgres@{}/postgres", server.address);
    Ok((server, url))
}

/// Debian keeps the programs of PostgreSQL out of the path.
fn program(name: &str) -> Result<String> {
    let search = r#"command -v "$0" || ls -d /usr/lib/postgresql/*/bin/"$0" | sort -V | tail -n 1"#;
    let found = Command::new("sh").args(["-c", search, name]).output()?;
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    ensure!(!path.is_empty(), "{name} is missing: apt-get install --no-install-recommends postgresql");
    Ok(path)
}
