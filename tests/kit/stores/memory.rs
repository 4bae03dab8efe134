use super::clock;
use dalston_store::{MemoryStore, contract::Fixture};
use std::sync::Arc;

/// The reference, in memory.
pub async fn memory() -> Fixture {
    let clock = clock();
    Fixture { store: Arc::new(MemoryStore::new(clock.clone())), limits: None, clock, again: None, keep: Box::new(()) }
}
