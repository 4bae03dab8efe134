use super::clock;
use crate::{patience::PATIENCE, servers::postgres_url};
use dalston_model::ManualClock;
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_work::SharedWorkStorage;
use dalston_work::contract::{ReopenWork, WorkFixture};
use std::sync::Arc;

/// A database of its own on the shared PostgreSQL.
pub async fn postgres() -> WorkFixture {
    let clock = clock();
    let options = PostgresOptions { url: postgres_url().await, deadline: PATIENCE, connections: 8 };
    let store = open(options.clone(), clock.clone()).await;
    let again: ReopenWork = Box::new({
        let clock = clock.clone();
        move || {
            let store = open(options.clone(), clock.clone());
            Box::pin(async { store.await as SharedWorkStorage })
        }
    });
    WorkFixture { store: store.clone(), limits: Some(store), clock, again: Some(again), keep: Box::new(()) }
}

async fn open(options: PostgresOptions, clock: Arc<ManualClock>) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::connect_with_work(&options, Some(clock)).await.expect("the server is ready"))
}
