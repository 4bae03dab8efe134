//! The first admin key, when its making is cut short: whatever happens, somebody can read it.

use dalston_model::{ManualClock, Timestamp};
use dalston_runtime::{OpenedStores, Overrides, Runtime, Settings, Shown};
use dalston_store::KeyStorage;
use dalston_store::KvStore as _;
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::MemoryWorkStore;
use kit::{
    log,
    patience::PATIENCE,
    process::{Launch, files},
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

const NOBODYS: &str = "dk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The files of a folder that hold the first key, or may.
fn of_the_key(folder: &Path) -> Vec<String> {
    files(folder).into_iter().filter(|name| name.starts_with("admin.key")).collect()
}

/// The folder as a gateway leaves it that is killed after its key is in the store and before its file has its name.
fn killed_between(launch: &Launch) -> String {
    launch.start().kill();
    let file = launch.data().join("admin.key");
    let secret = fs::read_to_string(&file).unwrap().trim_end().to_owned();
    log::guard(&secret);
    fs::rename(&file, pending(&launch.data(), &secret)).unwrap();
    secret
}

fn pending(folder: &Path, secret: &str) -> PathBuf {
    folder.join(format!("admin.key.{}", &secret[..10]))
}

#[tokio::test]
async fn a_key_whose_making_was_cut_short_is_found_at_the_next_start() {
    let launch = Launch::new();
    let secret = killed_between(&launch);
    let gateway = launch.start();
    let said = gateway.line("an earlier start");
    assert!(said.contains("admin.key") && !said.contains(&secret), "{said}");
    assert_eq!(of_the_key(&launch.data()), ["admin.key"]);
    assert_eq!(gateway.admin().secret.as_deref(), Some(secret.as_str()));
    gateway.admin().get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn files_of_keys_that_were_never_made_are_deleted_and_a_persons_own_are_kept() {
    let launch = Launch::new();
    let secret = killed_between(&launch);
    let folder = launch.data();
    fs::write(pending(&folder, NOBODYS), format!("{NOBODYS}\n")).unwrap();
    fs::write(pending(&folder, "dk_torn0000"), &secret[..20]).unwrap();
    fs::write(folder.join("admin.key.backup"), "mine").unwrap();
    let gateway = launch.start();
    assert_eq!(of_the_key(&folder), ["admin.key", "admin.key.backup"]);
    gateway.admin().get("/auth/me").await.expect(200);
}

/// The database of the folder, made and locked: who wants to change it waits in vain.
async fn locked(launch: &Launch) -> SqliteConnection {
    let path = launch.data().join("dalston.db");
    let options = SqliteOptions { path: path.clone(), deadline: PATIENCE };
    let clock = ManualClock::new(Timestamp::from_secs(1_767_225_600));
    let store = SqliteStore::open_with_work(&options, clock).await.unwrap();
    // What an earlier start wrote before it came to the key.
    store.put_entry("pepper", None, "none", Duration::from_hours(24 * 366 * 100)).await.unwrap();
    store.close().await;
    let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

#[tokio::test]
async fn a_key_that_may_have_been_made_keeps_its_file_and_the_error_names_it() {
    let launch = Launch::new();
    let other = locked(&launch).await;
    let ended = launch.refused();
    assert_eq!(ended.code, Some(1));
    let left = of_the_key(&launch.data());
    let [file] = &left[..] else { panic!("one file, which may be that of a key: {left:?} {}", ended.text()) };
    assert!(file.starts_with("admin.key.dk_") && ended.text().contains(file.as_str()), "{file}: {}", ended.text());
    other.close().await.unwrap();

    let gateway = launch.start();
    assert_eq!(of_the_key(&launch.data()), ["admin.key"]);
    let keys = gateway.admin().get("/auth/keys").await.expect(200);
    assert_eq!(keys.json.as_array().unwrap().len(), 1);
}

/// A terminal that is gone when it is written to, or looks at the folder while it is.
struct Terminal<'a> {
    folder: &'a Path,
    gone: bool,
    shown: Vec<u8>,
    there: Vec<String>,
}

impl Write for Terminal<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.there = of_the_key(self.folder);
        self.shown.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The parts of a gateway on memory, with the folder.
async fn parts(folder: &Path) -> (Settings, Runtime) {
    let data = folder.to_str().unwrap().to_owned();
    let mut settings = Settings::read(&|variable| (variable == "DALSTON_DATA_DIR").then(|| data.clone())).unwrap();
    let clock = ManualClock::new(Timestamp::from_secs(1_767_225_600));
    let opened = OpenedStores { store: Arc::new(MemoryWorkStore::new(clock.clone())), limits: None };
    let overrides = Overrides { clock, ..Overrides::default() };
    let runtime = Runtime::assemble(&mut settings, overrides, opened).await.unwrap();
    (settings, runtime)
}

#[tokio::test]
async fn on_a_terminal_the_key_is_in_a_file_until_it_was_shown() {
    let home = TempDir::new().unwrap();
    let (settings, runtime) = parts(home.path()).await;
    let mut terminal = Terminal { folder: home.path(), gone: false, shown: Vec::new(), there: Vec::new() };
    runtime.first_key(&settings, Some(Shown { out: &mut terminal, url: "http://localhost:8000" })).await.unwrap();
    let shown = String::from_utf8(terminal.shown).unwrap();
    assert!(shown.contains("ADMIN API KEY CREATED") && shown.contains(" http://localhost:8000/v1/"), "{shown}");
    assert_eq!(terminal.there.len(), 1, "{:?}", terminal.there);
    assert_eq!(of_the_key(home.path()), [""; 0]);
}

#[tokio::test]
async fn a_terminal_that_is_gone_loses_no_key() {
    let home = TempDir::new().unwrap();
    let (settings, runtime) = parts(home.path()).await;
    let mut terminal = Terminal { folder: home.path(), gone: true, shown: Vec::new(), there: Vec::new() };
    let error = runtime
        .first_key(&settings, Some(Shown { out: &mut terminal, url: "http://localhost:8000" }))
        .await
        .unwrap_err();
    let [file] = &of_the_key(home.path())[..] else { panic!("the secret is nowhere: {error:#}") };
    assert!(format!("{error:#}").contains(file.as_str()), "{error:#}");
    runtime.first_key(&settings, None).await.unwrap();
    assert_eq!(of_the_key(home.path()), ["admin.key"]);
}
