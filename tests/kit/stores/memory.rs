use super::clock;
use dalston_store::MemoryCounter;
use dalston_work::{MemoryStore, contract::Fixture};
use std::sync::Arc;

/// The reference, in memory.
pub async fn memory() -> Fixture {
    let clock = clock();
    Fixture { store: Arc::new(MemoryStore::new(clock.clone())), limits: None, clock, again: None, keep: Box::new(()) }
}

/// The reference of the shared counter, in memory.
pub async fn counter() -> Fixture {
    let fixture = memory().await;
    Fixture { limits: Some(Arc::new(MemoryCounter::new(fixture.clock.clone()))), ..fixture }
}
