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

    /// Gives all that was counted to the store. What the store does not take is kept for the next time, and so it is
    /// when whoever waits for this goes away in the middle.
    pub async fn flush(&self, store: &dyn UsageStore) -> StoreResult<()> {
        let taken = std::mem::take(&mut *self.deltas());
        if taken.is_empty() {
            return Ok(());
        }
        let mut in_hand = InHand { buffer: self, deltas: taken.into_values().collect() };
        store.add_usage(&in_hand.deltas).await?;
        in_hand.deltas.clear();
        Ok(())
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

/// Deltas on their way to the store. Dropped before they are there, they go back.
struct InHand<'a> {
    buffer: &'a UsageBuffer,
    deltas: Vec<UsageDelta>,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if !self.deltas.is_empty() {
            self.buffer.put_back(std::mem::take(&mut self.deltas));
        }
    }
}

fn empty(key: KeyId, day: Day) -> UsageDelta {
    UsageDelta { key, day, admitted: 0, refused: Refused::default(), last_used: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use dalston_model::{SeededEntropy, TenantId, Usage};
    use dalston_store::StoreError;
    use std::{
        future::pending,
        pin::pin,
        sync::atomic::{AtomicU64, Ordering},
        task::{Context, Poll, Waker},
    };

    /// Hangs, then fails, then takes.
    #[derive(Default)]
    struct Moody {
        calls: AtomicU64,
        taken: AtomicU64,
    }

    #[async_trait]
    impl UsageStore for Moody {
        async fn add_usage(&self, deltas: &[UsageDelta]) -> StoreResult<()> {
            match self.calls.fetch_add(1, Ordering::SeqCst) {
                0 => pending().await,
                1 => Err(StoreError::unavailable("down")),
                _ => {
                    self.taken.fetch_add(deltas.iter().map(|delta| delta.admitted).sum(), Ordering::SeqCst);
                    Ok(())
                }
            }
        }

        async fn usage(&self, _: &TenantId, _: KeyId, _: Day) -> StoreResult<Option<Usage>> {
            Ok(None)
        }
    }

    fn poll(flush: impl Future<Output = StoreResult<()>>) -> Poll<StoreResult<()>> {
        pin!(flush).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_the_store_has_not_taken_is_kept() {
        let (buffer, store) = (UsageBuffer::default(), Moody::default());
        let now = Timestamp::from_secs(1_700_000_000);
        let key = KeyId::new(now, &SeededEntropy::new(1)).unwrap();
        buffer.admitted(key, now, None);
        assert!(poll(buffer.flush(&store)).is_pending(), "and dropped in the middle");
        buffer.admitted(key, now, None);
        assert!(matches!(poll(buffer.flush(&store)), Poll::Ready(Err(_))));
        buffer.admitted(key, now, None);
        assert!(matches!(poll(buffer.flush(&store)), Poll::Ready(Ok(()))));
        assert_eq!(store.taken.load(Ordering::SeqCst), 3);
        assert!(matches!(poll(buffer.flush(&store)), Poll::Ready(Ok(()))));
        assert_eq!(store.calls.load(Ordering::SeqCst), 3, "nothing is left");
    }
}
