use super::clock;
use crate::servers::redis_url;
use dalston_store::contract::Fixture;
use dalston_store_redis::{RedisOptions, RedisStore};
use std::{sync::Arc, time::Duration};

/// Redis, on a database of its own.
pub async fn redis() -> Fixture {
    redis_at(redis_url()).await
}

/// The empty Redis database of this URL.
pub async fn redis_at(url: String) -> Fixture {
    let clock = clock();
    let options = RedisOptions { url, deadline: Duration::from_secs(10), connections: 8, allow_volatile: false };
    let store = RedisStore::connect(&options, Some(clock.clone())).await.expect("the server is up");
    let store = Arc::new(store);
    Fixture { store: store.clone(), limits: Some(store), clock, keep: Box::new(()) }
}
