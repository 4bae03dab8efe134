//! What this node counted and has not yet given to the store.

use dalston_model::{Day, KeyId, Refused, Timestamp, UsageDelta};
use dalston_store::{StoreResult, UsageStore};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Deltas by key and day: one entry for each key in use, however many its requests. Flushed each second, on stop, and
/// before usage is read on this node: a crash loses a second of counts at most.
#[derive(Default)]
pub struct UsageBuffer(Mutex<HashMap<(KeyId, Day), UsageDelta>>);

impl UsageBuffer {
    /// Counts an admitted request.
    pub fn admitted(&self, key: KeyId, at: Timestamp, from: Option<IpAddr>) {
        self.count(key, at, |delta| {
            delta.admitted = delta.admitted.saturating_add(1);
            delta.last_used = Some((at, from));
        });
    }

    /// Counts a request that found no room in its minute.
    pub fn rate_limited(&self, key: KeyId, at: Timestamp) {
        self.count(key, at, |delta| delta.refused.rate_limited = delta.refused.rate_limited.saturating_add(1));
    }

    /// Counts a request whose key does not hold the scope.
    pub fn insufficient_scope(&self, key: KeyId, at: Timestamp) {
        self.count(key, at, |delta| {
            delta.refused.insufficient_scope = delta.refused.insufficient_scope.saturating_add(1);
        });
    }

    /// Gives all that was counted to the store. What the store does not take is kept for the next time.
    pub async fn flush(&self, store: &dyn UsageStore) -> StoreResult<()> {
        let taken = std::mem::take(&mut *self.deltas());
        if taken.is_empty() {
            return Ok(());
        }
        let deltas: Vec<UsageDelta> = taken.into_values().collect();
        let flushed = store.add_usage(&deltas).await;
        if flushed.is_err() {
            self.put_back(deltas);
        }
        flushed
    }

    fn put_back(&self, deltas: Vec<UsageDelta>) {
        let mut held = self.deltas();
        for old in deltas {
            let entry = held.entry((old.key, old.day));
            let delta = entry.or_insert_with(|| empty(old.key, old.day));
            delta.admitted = delta.admitted.saturating_add(old.admitted);
            delta.refused.rate_limited = delta.refused.rate_limited.saturating_add(old.refused.rate_limited);
            delta.refused.insufficient_scope =
                delta.refused.insufficient_scope.saturating_add(old.refused.insufficient_scope);
            delta.last_used = delta.last_used.or(old.last_used);
        }
    }

    fn count(&self, key: KeyId, at: Timestamp, change: impl FnOnce(&mut UsageDelta)) {
        let day = Day::of(at);
        change(self.deltas().entry((key, day)).or_insert_with(|| empty(key, day)));
    }

    fn deltas(&self) -> MutexGuard<'_, HashMap<(KeyId, Day), UsageDelta>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty(key: KeyId, day: Day) -> UsageDelta {
    UsageDelta { key, day, admitted: 0, refused: Refused::default(), last_used: None }
}
