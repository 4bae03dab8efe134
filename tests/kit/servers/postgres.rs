//! PostgreSQL.

use super::{
    free_port,
    keeper::{Keeper, folder},
    program,
};
use crate::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Makes the cluster unless it is there, and becomes its server. `$0` is initdb, `$1` postgres, `$2` the folder.
const SCRIPT: &str = r#"
data=$2/data
[ -s "$data/postgresql.conf" ] ||
    "$0" -D "$data" --no-sync --auth=trust -U postgres -E UTF8 --locale=C --no-instructions || exit
exec "$1" -D "$data" -k "$2" -h 127.0.0.1 -p "$3" -c fsync=off -c full_page_writes=off -c shared_buffers=32MB \
    -c wal_level=minimal -c max_wal_senders=0 -c max_connections=300
"#;

/// The URL of an empty database of the PostgreSQL that all tests share.
pub async fn postgres_url() -> String {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start).database().await
}

/// A PostgreSQL of one's own. What it committed survives [`Postgres::kill`], not a power cut. It ends when it is
/// dropped.
pub struct Postgres {
    keeper: Keeper,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts one.
    pub fn start() -> Self {
        let (initdb, postgres) = (program("initdb", "postgresql"), program("postgres", "postgresql"));
        loop {
            let (folder, port) = (folder(), free_port());
            let mut command = unprivileged(&folder);
            let (dir, port_text) = (folder.display().to_string(), port.to_string());
            command.extend(["sh", "-c", SCRIPT, &initdb, &postgres, &dir, &port_text].map(str::to_owned));
            let mut keeper = Keeper::new(folder.clone(), "QUIT", &command);
            if keeper.start(|pid| is_ready(&folder, pid)) {
                return Self { keeper, folder, port };
            }
            // Somebody was faster to take the port; all else is a fault.
            assert!(keeper.log().contains("Address already in use"), "{}", keeper.log());
        }
    }

    /// Makes an empty database and gives its URL.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = format!("postgres://postgres@127.0.0.1:{}", self.port);
        let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.expect("it is ready");
        // Copying the files takes 15 ms, five times less than writing all pages to the log.
        let create = AssertSqlSafe(format!("CREATE DATABASE {name} STRATEGY FILE_COPY"));
        sqlx::raw_sql(create).execute(&mut connection).await.expect("the name is new");
        connection.close().await.expect("it answers");
        format!("{server}/{name}")
    }

    /// Ends the postmaster as a crash would; its back-ends follow.
    pub fn kill(&self) {
        self.keeper.signal(Signal::KILL);
    }

    /// Freezes the postmaster: who is connected is served, who connects waits.
    pub fn pause(&self) {
        self.keeper.signal(Signal::STOP);
    }

    /// Freezes it whole: who is connected waits too.
    pub fn freeze(&self) {
        self.keeper.signal_all(Signal::STOP);
    }

    /// Lets it go on after either.
    pub fn resume(&self) {
        self.keeper.signal_all(Signal::CONT);
    }

    /// Starts it again after [`Postgres::kill`], on the same port with the same data.
    pub fn restart(&mut self) {
        let folder = &self.folder;
        self.keeper.restart(|pid| is_ready(folder, pid));
    }
}

/// Whether this postmaster has written that it is ready: the eighth line of its file.
fn is_ready(folder: &Path, pid: u32) -> bool {
    let file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// What to put before a command so that it does not run as root, which PostgreSQL refuses; the folder is made over.
fn unprivileged(folder: &Path) -> Vec<String> {
    if fs::metadata("/proc/self").is_ok_and(|this| this.uid() != 0) {
        return Vec::new();
    }
    let given = Command::new("chown").arg("postgres:postgres").arg(folder).status().expect("there is chown");
    assert!(given.success(), "there is no user postgres: apt-get install --no-install-recommends postgresql");
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"].map(str::to_owned).to_vec()
}
