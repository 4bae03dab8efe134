//! A fresh store of each engine, on a clock that stands at the start of 2026.

mod memory;
mod postgres;
mod redis;
mod sqlite;

pub use memory::{counter, memory};
pub use postgres::postgres;
pub use redis::{redis, redis_at};
pub use sqlite::sqlite;

use dalston_model::{ManualClock, Timestamp};
use dalston_store::{SharedKeyStorage, contract};
use dalston_work::contract::WorkFixture;
use std::sync::Arc;

fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(1_767_225_600))
}

/// The same store, counter and clock, for another node. The first one keeps what must live.
pub fn shared(fixture: &WorkFixture) -> WorkFixture {
    let WorkFixture { store, limits, clock, again: _, keep: _ } = fixture;
    WorkFixture { store: store.clone(), limits: limits.clone(), clock: clock.clone(), again: None, keep: Box::new(()) }
}

/// The same store, for the rules of keys.
pub async fn keys(fixture: impl Future<Output = WorkFixture>) -> contract::Fixture {
    let WorkFixture { store, limits, clock, again, keep } = fixture.await;
    let again = again.map(|again| -> contract::Reopen {
        Box::new(move || {
            let store = again();
            Box::pin(async { store.await as SharedKeyStorage })
        })
    });
    contract::Fixture { store, limits, clock, again, keep }
}
