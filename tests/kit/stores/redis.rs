use super::clock;
use crate::servers::redis_url;
use dalston_store::contract::Fixture;
use dalston_store_redis::{RedisOptions, RedisStore};
use std::{sync::Arc, time::Duration};

/// Redis, on a database of its own.
pub async fn redis() -> Fixture {
    let clock = clock();
    let options =
        RedisOptions { url: redis_url(), deadline: Duration::from_secs(10), connections: 8, allow_volatile: false };
    let store = RedisStore::connect(&options, Some(clock.clone())).await.expect("the server is up");
    let store = Arc::new(store);
    Fixture { store: store.clone(), limits: Some(store), clock, keep: Box::new(()) }
}
