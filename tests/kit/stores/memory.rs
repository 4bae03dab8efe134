use super::clock;
use dalston_store::MemoryCounter;
use dalston_work::{MemoryWorkStore, contract::WorkFixture};
use std::sync::Arc;

/// The reference, in memory.
pub async fn memory() -> WorkFixture {
    let clock = clock();
    WorkFixture {
        store: Arc::new(MemoryWorkStore::new(clock.clone())),
        limits: None,
        clock,
        again: None,
        keep: Box::new(()),
    }
}

/// The reference of the shared counter, in memory.
pub async fn counter() -> WorkFixture {
    let fixture = memory().await;
    WorkFixture { limits: Some(Arc::new(MemoryCounter::new(fixture.clock.clone()))), ..fixture }
}
