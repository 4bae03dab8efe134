use super::clock;
use crate::servers::postgres_url;
use dalston_store::contract::Fixture;
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use std::{sync::Arc, time::Duration};

/// A database of its own on the shared PostgreSQL.
pub async fn postgres() -> Fixture {
    let clock = clock();
    let options = PostgresOptions { url: postgres_url().await, deadline: Duration::from_secs(20), connections: 8 };
    let store = PostgresStore::connect(&options, Some(clock.clone())).await.expect("the server is ready");
    let store = Arc::new(store);
    Fixture { store: store.clone(), limits: Some(store), clock, keep: Box::new(()) }
}
