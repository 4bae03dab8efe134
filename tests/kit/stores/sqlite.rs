use super::clock;
use dalston_store::contract::Fixture;
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// A file in a folder of its own: in memory where the system has such folders, since every change is synchronous.
pub async fn sqlite() -> Fixture {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let clock = clock();
    let options = SqliteOptions { path: folder.path().join("dalston.db"), deadline: Duration::from_secs(10) };
    let store = SqliteStore::open(&options, clock.clone()).await.unwrap();
    Fixture { store: Arc::new(store), limits: None, clock, keep: Box::new(folder) }
}
