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

/// Makes the cluster unless it is there, and becomes its server. `$0` is initdb, or pg_basebackup with the port of the
/// server whose copy it is as `$5`; `$1` is postgres, `$2` the folder, `$4` are more settings.
const SCRIPT: &str = r#"
data=$2/data
[ -s "$data/postgresql.conf" ] || if [ -n "$5" ]; then
    "$0" -h 127.0.0.1 -p "$5" -U postgres -D "$data" -R -X stream -c fast --no-sync || exit
else
    "$0" -D "$data" --no-sync --auth=trust -U postgres -E UTF8 --locale=C --no-instructions || exit
fi
exec "$1" -D "$data" -k "$2" -h 127.0.0.1 -p "$3" -c fsync=off -c full_page_writes=off -c shared_buffers=32MB \
    -c max_connections=300 $4
"#;
const ALONE: &str = "-c wal_level=minimal -c max_wal_senders=0";
const COPIED: &str = "-c wal_level=replica -c max_wal_senders=4";

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
        Self::with(ALONE, None)
    }

    /// A primary that can be copied, with an empty database.
    pub async fn copied() -> (Self, String) {
        let primary = Self::with(COPIED, None);
        let url = primary.database().await;
        (primary, url)
    }

    /// A hot standby of it.
    pub fn copy(&self) -> Self {
        Self::with(COPIED, Some(self.port))
    }

    /// A primary with an empty database, and a hot standby of it.
    pub async fn pair() -> (Self, Self, String) {
        let (primary, url) = Self::copied().await;
        let standby = primary.copy();
        (primary, standby, url)
    }

    fn with(settings: &str, copied: Option<u16>) -> Self {
        let maker = program(if copied.is_some() { "pg_basebackup" } else { "initdb" }, "postgresql");
        let (postgres, copied) = (program("postgres", "postgresql"), copied.map(|port| port.to_string()));
        let copied = copied.unwrap_or_default();
        loop {
            let (folder, port) = (folder(), free_port());
            let mut command = unprivileged(&folder);
            let (dir, port_text) = (folder.display().to_string(), port.to_string());
            command.extend(
                ["sh", "-c", SCRIPT, &maker, &postgres, &dir, &port_text, settings, &copied].map(str::to_owned),
            );
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
        // Copying the files takes 15 ms, five times less than writing all pages to the log.
        self.run("postgres", &format!("CREATE DATABASE {name} STRATEGY FILE_COPY")).await;
        format!("postgres://postgres@{}/{name}", self.host())
    }

    /// Runs statements in one of its databases.
    pub async fn run(&self, database: &str, sql: &str) {
        let url = format!("postgres://postgres@{}/{database}", self.host());
        let mut connection = PgConnection::connect(&url).await.expect("it is ready");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("it does as it is asked");
        connection.close().await.expect("it answers");
    }

    /// The number that a query gives.
    pub async fn count(&self, database: &str, sql: &str) -> i64 {
        let url = format!("postgres://postgres@{}/{database}", self.host());
        let mut connection = PgConnection::connect(&url).await.expect("it is ready");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("it has the table")
    }

    /// Ends all of its sessions.
    pub async fn end_sessions(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.run("postgres", sql).await;
    }

    /// Makes a standby a primary. The other one stays one as well.
    pub async fn promote(&self) {
        self.run("postgres", "SELECT pg_promote()").await;
    }

    /// Stops it as an administrator would, and starts it again: its sessions are told so.
    pub fn restart_fast(&mut self) {
        self.keeper.signal(Signal::INT);
        self.restart();
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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

/// Whether this postmaster has written that it is ready, or a standby that is: the eighth line of its file.
fn is_ready(folder: &Path, pid: u32) -> bool {
    let file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && matches!(lines.get(7), Some(&"ready" | &"standby"))
}

/// What to put before a command so that it does not run as root, which PostgreSQL refuses; the folder is made over.
pub(super) fn unprivileged(folder: &Path) -> Vec<String> {
    if fs::metadata("/proc/self").is_ok_and(|this| this.uid() != 0) {
        return Vec::new();
    }
    let given = Command::new("chown").arg("postgres:postgres").arg(folder).status().expect("there is chown");
    assert!(given.success(), "there is no user postgres: apt-get install --no-install-recommends postgresql");
    ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"].map(str::to_owned).to_vec()
}
