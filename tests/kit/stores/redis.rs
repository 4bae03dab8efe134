use super::clock;
use crate::{patience::PATIENCE, servers::permitted_redis_url};
use dalston_model::ManualClock;
use dalston_store_redis::{RedisOptions, RedisStore};
use dalston_work::SharedWorkStorage;
use dalston_work::contract::{ReopenWork, WorkFixture};
use std::sync::Arc;

/// Redis, on a database of its own, as a user that may do no more than it must.
pub async fn redis() -> WorkFixture {
    redis_at(permitted_redis_url()).await
}

/// The empty Redis database of this URL.
pub async fn redis_at(url: String) -> WorkFixture {
    let clock = clock();
    let options = RedisOptions { url, deadline: PATIENCE, connections: 8, allow_volatile: false };
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

async fn open(options: RedisOptions, clock: Arc<ManualClock>) -> Arc<RedisStore> {
    Arc::new(RedisStore::connect(&options, Some(clock)).await.expect("the server is up"))
}
