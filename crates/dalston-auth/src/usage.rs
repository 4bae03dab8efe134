//! What this node counted and has not yet given to the store.

use crate::{
    Holder,
    tally::{Count, Taken},
};
use dalston_model::{Day, KeyId, Timestamp, UsageDelta};
use dalston_store::{StoreResult, UsageStore};
use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts lie with the holders of the keys, one set each, however many requests; here are those that have any. Flushed
/// each second, on stop, and before usage is read on this node: a crash loses a second of counts at most.
#[derive(Default)]
pub(crate) struct UsageBuffer {
    counted: Mutex<Vec<Arc<Holder>>>,
    /// What the store has not taken yet, and what was counted before midnight.
    kept: Mutex<HashMap<(KeyId, Day), UsageDelta>>,
}

impl UsageBuffer {
    /// Counts an admitted request.
    pub(crate) fn admitted(&self, holder: &Arc<Holder>, at: Timestamp, from: Option<IpAddr>) {
        holder.tally.used(at, from);
        self.count(holder, Count::Admitted, at);
    }

    /// Counts a request that found no room in its minute.
    pub(crate) fn rate_limited(&self, holder: &Arc<Holder>, at: Timestamp) {
        self.count(holder, Count::RateLimited, at);
    }

    /// Counts a request whose key does not hold the scope.
    pub(crate) fn insufficient_scope(&self, holder: &Arc<Holder>, at: Timestamp) {
        self.count(holder, Count::InsufficientScope, at);
    }

    /// Gives all that was counted to the store. What the store does not take is kept for the next time, and so it is
    /// when whoever waits for this goes away in the middle.
    pub(crate) async fn flush(&self, store: &dyn UsageStore, now: Timestamp) -> StoreResult<()> {
        for holder in std::mem::take(&mut *lock(&self.counted)) {
            holder.tally.unlist();
            self.keep(holder.id, holder.tally.take(Day::of(now)));
        }
        let taken = std::mem::take(&mut *lock(&self.kept));
        if taken.is_empty() {
            return Ok(());
        }
        let mut in_hand = InHand { buffer: self, deltas: taken.into_values().collect() };
        store.add_usage(&in_hand.deltas).await?;
        in_hand.deltas.clear();
        Ok(())
    }

    fn count(&self, holder: &Arc<Holder>, what: Count, at: Timestamp) {
        let day = Day::of(at);
        while holder.tally.count(what, day).is_err() {
            self.keep(holder.id, holder.tally.take(day));
        }
        if holder.tally.list() {
            lock(&self.counted).push(Arc::clone(holder));
        }
    }

    fn keep(&self, key: KeyId, taken: Taken) {
        if let Some(delta) = taken.delta(key) {
            self.add(delta);
        }
    }

    fn add(&self, delta: UsageDelta) {
        match lock(&self.kept).entry((delta.key, delta.day)) {
            Entry::Vacant(entry) => {
                entry.insert(delta);
            }
            Entry::Occupied(mut entry) => {
                let sum = entry.get_mut();
                sum.admitted = sum.admitted.saturating_add(delta.admitted);
                let (refused, more) = (&mut sum.refused, delta.refused);
                refused.rate_limited = refused.rate_limited.saturating_add(more.rate_limited);
                refused.insufficient_scope = refused.insufficient_scope.saturating_add(more.insufficient_scope);
                sum.last_used = sum.last_used.max(delta.last_used);
            }
        }
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
            for delta in std::mem::take(&mut self.deltas) {
                self.buffer.add(delta);
            }
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        freshness::{Freshness, Moment},
        tally::Tally,
    };
    use async_trait::async_trait;
    use dalston_model::{Refused, ScopeSet, SeededEntropy, TenantId, Usage};
    use dalston_store::StoreError;
    use std::{
        future::pending,
        pin::pin,
        sync::atomic::{AtomicU64, Ordering},
        task::{Context, Poll, Waker},
        time::Duration,
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

    fn holder(id: KeyId) -> Arc<Holder> {
        let freshness = Freshness::new(Duration::from_secs(1));
        Arc::new(Holder {
            id,
            tenant: TenantId::default(),
            scopes: ScopeSet::DEFAULT,
            rate_limit: None,
            generation: freshness.begin(Moment::FIRST).generation,
            ends: Moment::FIRST,
            tally: Tally::default(),
        })
    }

    #[test]
    fn what_the_store_has_not_taken_is_kept() {
        let (buffer, store) = (UsageBuffer::default(), Moody::default());
        let now = Timestamp::from_secs(1_700_000_000);
        let key = holder(KeyId::new(now, &SeededEntropy::new(1)).unwrap());
        buffer.admitted(&key, now, None);
        assert!(poll(buffer.flush(&store, now)).is_pending(), "and dropped in the middle");
        buffer.admitted(&key, now, None);
        assert!(matches!(poll(buffer.flush(&store, now)), Poll::Ready(Err(_))));
        buffer.admitted(&key, now, None);
        assert!(matches!(poll(buffer.flush(&store, now)), Poll::Ready(Ok(()))));
        assert_eq!(store.taken.load(Ordering::SeqCst), 3);
        assert!(matches!(poll(buffer.flush(&store, now)), Poll::Ready(Ok(()))));
        assert_eq!(store.calls.load(Ordering::SeqCst), 3, "nothing is left");
    }

    #[test]
    fn each_day_has_its_own_counts() {
        let (buffer, midnight) = (UsageBuffer::default(), Timestamp::from_secs(1_699_920_000));
        let key = holder(KeyId::new(midnight, &SeededEntropy::new(1)).unwrap());
        let before = Timestamp::from_micros(midnight.as_micros() - 1);
        let address = "192.0.2.1".parse().ok();
        buffer.admitted(&key, before, address);
        buffer.rate_limited(&key, before);
        buffer.admitted(&key, midnight, None);
        buffer.insufficient_scope(&key, midnight);
        let mut days = [Vec::new(), Vec::new()];
        for holder in std::mem::take(&mut *lock(&buffer.counted)) {
            buffer.keep(holder.id, holder.tally.take(Day::of(midnight)));
        }
        for delta in lock(&buffer.kept).values() {
            days[usize::from(delta.day == Day::of(midnight))].push((delta.admitted, delta.refused, delta.last_used));
        }
        let refused = |rate_limited, insufficient_scope| Refused { rate_limited, insufficient_scope };
        assert_eq!(days[1], [(1, refused(0, 1), Some((midnight, None)))]);
        assert_eq!((days[0].len(), days[0][0].0, days[0][0].1), (1, 1, refused(1, 0)));
    }

    #[test]
    fn nothing_is_lost_between_counting_and_flushing() {
        const EACH: u64 = 50_000;
        let (buffer, store) = (UsageBuffer::default(), Moody { calls: AtomicU64::new(2), ..Moody::default() });
        let now = Timestamp::from_secs(1_700_000_000);
        let key = holder(KeyId::new(now, &SeededEntropy::new(1)).unwrap());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..EACH).for_each(|_| buffer.admitted(&key, now, None)));
            }
            for _ in 0..200 {
                assert!(poll(buffer.flush(&store, now)).is_ready());
            }
        });
        assert!(poll(buffer.flush(&store, now)).is_ready());
        assert_eq!(store.taken.load(Ordering::SeqCst), 3 * EACH);
    }
}
