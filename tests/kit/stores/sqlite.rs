use super::clock;
use crate::patience::PATIENCE;
use dalston_model::ManualClock;
use dalston_store_sqlite::{SqliteOptions, SqliteStore};
use dalston_work::SharedWorkStorage;
use dalston_work::contract::{ReopenWork, WorkFixture};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// A file in a folder of its own: in memory where the system has such folders, since every change is synchronous.
pub async fn sqlite() -> WorkFixture {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let clock = clock();
    let options = SqliteOptions { path: folder.path().join("dalston.db"), deadline: PATIENCE };
    let store = open(options.clone(), clock.clone()).await;
    let again: ReopenWork = Box::new({
        let clock = clock.clone();
        move || Box::pin(open(options.clone(), clock.clone()))
    });
    WorkFixture { store, limits: None, clock, again: Some(again), keep: Box::new(folder) }
}

async fn open(options: SqliteOptions, clock: Arc<ManualClock>) -> SharedWorkStorage {
    Arc::new(SqliteStore::open_with_work(&options, clock).await.unwrap())
}
