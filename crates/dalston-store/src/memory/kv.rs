//! The key-value store with expiry, in memory.

use super::{KvEntry, MemoryEngine};
use crate::{KvStore, StoreResult};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl<W: Send> KvStore for MemoryEngine<W> {
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>> {
        let now = self.clock.now();
        let state = self.state();
        let live = state.notes.get(name).filter(|note| now < note.lapses_at);
        Ok(live.map(|note| note.text.clone()))
    }

    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool> {
        let now = self.clock.now();
        let mut state = self.state();
        state.notes.retain(|_, note| now < note.lapses_at);
        let fits = state.notes.get(name).map(|note| note.text.as_str()) == expected;
        if fits {
            state.notes.insert(name.to_owned(), KvEntry { text: text.to_owned(), lapses_at: now.plus(ttl) });
        }
        Ok(fits)
    }

    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>> {
        let now = self.clock.now();
        let taken = self.state().notes.remove(name);
        Ok(taken.filter(|note| now < note.lapses_at).map(|note| note.text))
    }
}
