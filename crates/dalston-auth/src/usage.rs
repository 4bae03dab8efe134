//! Usage that this node has counted and not yet written to the store.

use crate::{
    CachedKey,
    usage_counters::{DrainedUsage, UsageKind},
};
use dalston_model::{Day, KeyId, NodeId, Timestamp, UsageDelta, UsageStep};
use dalston_store::{StoreResult, UsageStore};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Maximum number of counts per batch: some ten milliseconds of the store's time. Other clients write between batches.
const MOST: usize = 1_000;
/// Maximum number of days per key that wait to be written. Counts of a later day are added to the latest of them. So
/// the memory is bounded by the number of keys, however long the store accepts nothing.
const MOST_DAYS: usize = 7;

/// Buffers usage until it is written.
///
/// Requests are counted in the [`CachedKey`], in one set of counters per key, however many requests there are. From
/// there the counts are collected into `waiting`, and written in batches.
pub(crate) struct UsageBuffer {
    listed: Mutex<Vec<Arc<CachedKey>>>,
    /// The counts that no batch has written yet, in the order of the keys. Stores lock the keys in this order.
    waiting: Mutex<BTreeMap<(KeyId, Day), UsageDelta>>,
    writer: tokio::sync::Mutex<UsageStepWriter>,
}

/// Writes the batches one after another.
///
/// Each batch has a sequence number. The next one is not sent before the outcome of the last one is known.
struct UsageStepWriter {
    node: NodeId,
    number: u64,
    /// The counts of the batch with this number, as long as it is unknown whether the store has applied it.
    sent: Vec<UsageDelta>,
    /// Whether that batch has the counts of one key, which a reader waits for.
    is_of_key: bool,
    /// Maximum number of counts of the next batch. A failed batch sets it to half of that batch's size, and a
    /// successful one doubles it.
    most: usize,
    /// The key and day of the last count that was sent. The next batch continues after it, so that counts which the
    /// store rejects do not block all others.
    last: Option<(KeyId, Day)>,
}

impl UsageBuffer {
    /// Creates an empty buffer. `node` identifies this run of the node.
    pub(crate) fn new(node: NodeId) -> Self {
        let writer = UsageStepWriter { node, number: 0, sent: Vec::new(), is_of_key: false, most: MOST, last: None };
        Self { listed: Mutex::default(), waiting: Mutex::default(), writer: writer.into() }
    }

    /// Counts an admitted request.
    pub(crate) fn admitted(&self, cached_key: &Arc<CachedKey>, at: Timestamp, from: Option<IpAddr>) {
        cached_key.counters.used(at, from);
        self.count(cached_key, UsageKind::Admitted, at);
    }

    /// Counts a request that exceeded the rate limit.
    pub(crate) fn rate_limited(&self, cached_key: &Arc<CachedKey>, at: Timestamp) {
        self.count(cached_key, UsageKind::RateLimited, at);
    }

    /// Counts a request whose key does not hold the required scope.
    pub(crate) fn insufficient_scope(&self, cached_key: &Arc<CachedKey>, at: Timestamp) {
        self.count(cached_key, UsageKind::InsufficientScope, at);
    }

    /// Collects the usage that was counted so far, to be written.
    pub(crate) fn gather(&self, now: Timestamp) {
        for cached_key in std::mem::take(&mut *lock(&self.listed)) {
            cached_key.counters.unlist();
            self.keep(cached_key.id, cached_key.counters.take(Day::of(now)));
        }
    }

    /// Writes one batch of the collected usage. Returns whether there was anything to write.
    ///
    /// If the store fails, or if the caller drops the future, the counts are retried by the next call.
    pub(crate) async fn write(&self, store: &dyn UsageStore) -> StoreResult<bool> {
        let mut writer = self.writer.lock().await;
        writer.settle(self, store).await?;
        let next = self.next(&mut writer);
        writer.is_of_key = false;
        writer.send(next, store).await
    }

    /// Writes the collected usage of one key, however much other usage waits.
    pub(crate) async fn write_key(&self, store: &dyn UsageStore, key: KeyId) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        writer.settle(self, store).await?;
        let of_key = lock(&self.waiting).extract_if(days(key), |_, _| true).map(|(_, delta)| delta).collect();
        writer.is_of_key = true;
        writer.send(of_key, store).await.map(drop)
    }

    /// Returns the approximate number of unwritten counts. A batch that is being written is not included.
    pub(crate) fn waiting(&self) -> usize {
        let sent = self.writer.try_lock().map_or(0, |writer| writer.sent.len());
        lock(&self.listed).len() + lock(&self.waiting).len() + sent
    }

    /// Takes the counts of the next batch.
    fn next(&self, writer: &mut UsageStepWriter) -> Vec<UsageDelta> {
        let mut waiting = lock(&self.waiting);
        let behind = writer.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = waiting.range((behind, Bound::Unbounded)).map(|(at, _)| *at);
        let most = writer.most.min(waiting.len());
        let due: Vec<_> = behind.chain(waiting.keys().copied()).take(most).collect();
        writer.last = due.last().copied();
        due.iter().filter_map(|at| waiting.remove(at)).collect()
    }

    fn count(&self, cached_key: &Arc<CachedKey>, what: UsageKind, at: Timestamp) {
        let day = Day::of(at);
        while cached_key.counters.count(what, day).is_err() {
            self.keep(cached_key.id, cached_key.counters.take(day));
        }
        if cached_key.counters.list() {
            lock(&self.listed).push(Arc::clone(cached_key));
        }
    }

    fn keep(&self, key: KeyId, taken: DrainedUsage) {
        if let Some(delta) = taken.delta(key) {
            self.add(delta);
        }
    }

    fn add(&self, mut delta: UsageDelta) {
        let mut waiting = lock(&self.waiting);
        if !waiting.contains_key(&(delta.key, delta.day)) && waiting.range(days(delta.key)).count() >= MOST_DAYS {
            let last = waiting.range(days(delta.key)).next_back();
            delta.day = last.map_or(delta.day, |((_, day), _)| *day);
        }
        match waiting.entry((delta.key, delta.day)) {
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

impl UsageStepWriter {
    /// Determines the outcome of the last batch, if its reply was lost.
    ///
    /// Sends the same sequence number without counts. The store replies whether it has applied the batch. If it has
    /// not, it will ignore that batch from now on, and the counts wait again.
    async fn settle(&mut self, buffer: &UsageBuffer, store: &dyn UsageStore) -> StoreResult<()> {
        if self.sent.is_empty() {
            return Ok(());
        }
        // The counts of one key are few: their failure says nothing about the size of a batch.
        if !self.is_of_key {
            self.most = (self.sent.len() / 2).max(1);
        }
        if store.add_usage(self.step(), &[]).await? == 0 {
            self.sent.drain(..).for_each(|delta| buffer.add(delta));
        }
        self.sent.clear();
        Ok(())
    }

    /// Writes a batch of these counts. Returns whether there were any.
    async fn send(&mut self, counts: Vec<UsageDelta>, store: &dyn UsageStore) -> StoreResult<bool> {
        if counts.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        self.sent = counts;
        store.add_usage(self.step(), &self.sent).await?;
        if !self.is_of_key {
            self.most = self.most.saturating_mul(2).min(MOST);
        }
        self.sent.clear();
        Ok(true)
    }

    const fn step(&self) -> UsageStep {
        UsageStep { node: self.node, number: self.number }
    }
}

/// Returns the range of all days of a key.
fn days(key: KeyId) -> impl std::ops::RangeBounds<(KeyId, Day)> {
    (key, Day::from_number(i32::MIN))..=(key, Day::from_number(i32::MAX))
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::{Freshness, MonotonicNanos};
    use async_trait::async_trait;
    use dalston_model::{KeyScopes, RefusedRequests, SeededEntropy, TenantId, Usage};
    use dalston_store::StoreError;
    use std::{
        future::pending,
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    /// The outcome of a call.
    #[derive(Clone, Copy, PartialEq)]
    enum Mood {
        Takes,
        Fails,
        Hangs,
        TakesAndFails,
        TakesAndHangs,
    }
    use Mood::{Fails, Hangs, Takes, TakesAndFails, TakesAndHangs};

    /// A store whose calls have the given outcomes in turn, and succeed after that.
    #[derive(Default)]
    struct Moody {
        moods: Mutex<Vec<Mood>>,
        /// The number of counts of each call.
        calls: Mutex<Vec<usize>>,
        last: Mutex<(u64, u64)>,
        taken: Mutex<BTreeMap<(KeyId, Day), u64>>,
    }

    impl Moody {
        fn of(moods: impl IntoIterator<Item = Mood>) -> Self {
            let mut moods: Vec<_> = moods.into_iter().collect();
            moods.reverse();
            Self { moods: moods.into(), ..Self::default() }
        }

        fn total(&self) -> u64 {
            lock(&self.taken).values().sum()
        }

        fn take(&self, step: UsageStep, deltas: &[UsageDelta]) -> u64 {
            let mut last = lock(&self.last);
            if step.number > last.0 {
                *last = (step.number, deltas.len().try_into().unwrap());
                for delta in deltas {
                    *lock(&self.taken).entry((delta.key, delta.day)).or_default() += delta.admitted;
                }
            }
            if step.number == last.0 { last.1 } else { 0 }
        }
    }

    #[async_trait]
    impl UsageStore for Moody {
        async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
            lock(&self.calls).push(deltas.len());
            let mood = lock(&self.moods).pop().unwrap_or(Takes);
            let taken = matches!(mood, Takes | TakesAndFails | TakesAndHangs).then(|| self.take(step, deltas));
            match mood {
                Hangs | TakesAndHangs => pending().await,
                Fails | TakesAndFails => Err(StoreError::unavailable("down")),
                Takes => Ok(taken.unwrap()),
            }
        }

        async fn usage(&self, _: &TenantId, _: KeyId, _: Day) -> StoreResult<Option<Usage>> {
            Ok(None)
        }
    }

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn buffer() -> UsageBuffer {
        UsageBuffer::new(NodeId::new(NOW, &SeededEntropy::new(1)).unwrap())
    }

    fn poll<T>(step: impl Future<Output = T>) -> Poll<T> {
        pin!(step).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Writes until nothing is left or a batch fails.
    fn write(buffer: &UsageBuffer, store: &Moody) -> Poll<StoreResult<()>> {
        loop {
            match poll(buffer.write(store)) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn holders(count: usize) -> Vec<Arc<CachedKey>> {
        let entropy = SeededEntropy::new(1);
        (0..count).map(|_| cached_key(KeyId::new(NOW, &entropy).unwrap())).collect()
    }

    fn cached_key(id: KeyId) -> Arc<CachedKey> {
        let freshness = Freshness::new(Duration::from_secs(1));
        let entropy = SeededEntropy::new(1);
        let secret = crate::KeyFormat::default().mint(&entropy).unwrap();
        let key = dalston_model::Key {
            id,
            tenant: TenantId::default(),
            prefix: secret.prefix().to_owned(),
            name: "one".parse().unwrap(),
            description: None,
            scopes: KeyScopes::DEFAULT,
            rate_limit: None,
            enabled: true,
            created_at: NOW,
            created_by: None,
            expires_at: None,
            revoked_at: None,
            metadata: dalston_model::Metadata::default(),
        };
        let began = freshness.begin(MonotonicNanos::FIRST);
        Arc::new(CachedKey::of(
            &key,
            key.scopes.built_in(),
            key.tenant.clone(),
            began.generation,
            MonotonicNanos::FIRST,
        ))
    }

    #[test]
    fn whatever_becomes_of_a_step_it_is_counted_once() {
        let moods = [Takes, Fails, Hangs, TakesAndFails, TakesAndHangs];
        for first in moods {
            for second in moods {
                let (buffer, store, key) = (buffer(), Moody::of([first, second]), holders(1).remove(0));
                for round in 1..=4 {
                    buffer.admitted(&key, NOW, None);
                    buffer.gather(NOW);
                    if let Poll::Ready(Ok(())) = write(&buffer, &store) {
                        assert_eq!(store.total(), round);
                        assert_eq!(buffer.waiting(), 0);
                    }
                }
                assert_eq!(store.total(), 4);
                let calls = lock(&store.calls).len();
                assert!(matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
                assert_eq!(lock(&store.calls).len(), calls, "nothing is left");
            }
        }
    }

    #[test]
    fn a_backlog_is_written_in_steps_that_shrink_with_each_failure_and_grow_again() {
        let moods = [Fails, Fails, Takes, TakesAndHangs, Takes, Hangs];
        let (buffer, store, keys) = (buffer(), Moody::of(moods), holders(10 * MOST));
        for key in &keys {
            buffer.admitted(key, NOW, None);
        }
        buffer.gather(NOW);
        for _ in 0..4 {
            assert!(!matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
        }
        assert!(matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
        let calls = lock(&store.calls).clone();
        // After each failure, its outcome is determined before the next batch.
        assert_eq!(calls[..9], [MOST, 0, 0, MOST / 2, 0, MOST / 4, 0, MOST / 8, MOST / 4]);
        assert_eq!(calls[9..11], [MOST / 2, MOST]);
        assert!(calls.iter().all(|call| *call <= MOST));
        assert_eq!((store.total(), lock(&store.taken).len()), (10_000, 10_000));
    }

    #[test]
    fn one_key_is_written_however_many_wait() {
        let (buffer, store, keys) = (buffer(), Moody::default(), holders(3 * MOST));
        let yesterday = Timestamp::from_secs(1_700_000_000 - 86_400);
        for key in &keys {
            buffer.admitted(key, yesterday, None);
        }
        buffer.gather(NOW);
        buffer.admitted(&keys[7], NOW, None);
        buffer.gather(NOW);
        assert!(matches!(poll(buffer.write_key(&store, keys[7].id)), Poll::Ready(Ok(()))));
        assert_eq!((store.total(), lock(&store.calls).clone()), (2, vec![2]));
        assert!(matches!(poll(buffer.write_key(&store, keys[7].id)), Poll::Ready(Ok(()))));
        assert_eq!(lock(&store.calls).len(), 1, "nothing is left of it");
        assert!(matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
        assert_eq!(store.total(), 3_001);
    }

    #[test]
    fn a_failed_write_of_one_key_leaves_the_size_of_batches() {
        for mood in [Fails, Hangs, TakesAndFails, TakesAndHangs] {
            let (buffer, store, keys) = (buffer(), Moody::of([mood]), holders(3 * MOST));
            for key in &keys {
                buffer.admitted(key, NOW, None);
            }
            buffer.gather(NOW);
            assert!(!matches!(poll(buffer.write_key(&store, keys[7].id)), Poll::Ready(Ok(()))));
            assert!(matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
            assert_eq!(lock(&store.calls)[..4], [1, 0, MOST, MOST]);
            assert_eq!(store.total(), 3_000);
        }
    }

    /// A store that always rejects one key.
    struct Picky(KeyId, Moody);

    #[async_trait]
    impl UsageStore for Picky {
        async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
            if deltas.iter().any(|delta| delta.key == self.0) {
                return Err(StoreError::corrupt("its count"));
            }
            self.1.add_usage(step, deltas).await
        }

        async fn usage(&self, _: &TenantId, _: KeyId, _: Day) -> StoreResult<Option<Usage>> {
            Ok(None)
        }
    }

    #[test]
    fn a_key_that_the_store_refuses_holds_up_no_other() {
        let (buffer, keys) = (buffer(), holders(3 * MOST));
        let store = Picky(keys[MOST].id, Moody::default());
        for key in &keys {
            buffer.admitted(key, NOW, None);
        }
        buffer.gather(NOW);
        for _ in 0..60 {
            let _ = poll(buffer.write(&store));
        }
        assert_eq!((store.1.total(), buffer.waiting()), (2_999, 1));
    }

    #[test]
    fn what_waits_is_bounded_by_the_keys() {
        let (buffer, store, key) = (buffer(), Moody::default(), holders(1).remove(0));
        for day in 0..400 {
            buffer.admitted(&key, Timestamp::from_secs(1_700_000_000 + day * 86_400), None);
            buffer.gather(Timestamp::from_secs(1_700_000_000 + day * 86_400));
        }
        assert_eq!(buffer.waiting(), MOST_DAYS);
        assert!(matches!(write(&buffer, &store), Poll::Ready(Ok(()))));
        assert_eq!(store.total(), 400);
    }

    #[test]
    fn each_day_has_its_own_counts() {
        let (buffer, midnight) = (buffer(), Timestamp::from_secs(1_699_920_000));
        let key = cached_key(KeyId::new(midnight, &SeededEntropy::new(1)).unwrap());
        let before = Timestamp::from_micros(midnight.as_micros() - 1);
        let address = "192.0.2.1".parse().ok();
        buffer.admitted(&key, before, address);
        buffer.rate_limited(&key, before);
        buffer.admitted(&key, midnight, None);
        buffer.insufficient_scope(&key, midnight);
        let mut days = [Vec::new(), Vec::new()];
        buffer.gather(midnight);
        for delta in lock(&buffer.waiting).values() {
            days[usize::from(delta.day == Day::of(midnight))].push((delta.admitted, delta.refused, delta.last_used));
        }
        let refused = |rate_limited, insufficient_scope| RefusedRequests { rate_limited, insufficient_scope };
        assert_eq!(days[1], [(1, refused(0, 1), Some((midnight, None)))]);
        assert_eq!((days[0].len(), days[0][0].0, days[0][0].1), (1, 1, refused(1, 0)));
    }

    #[test]
    fn nothing_is_lost_between_counting_and_flushing() {
        const EACH: u64 = 50_000;
        let (buffer, store, key) = (buffer(), Moody::default(), holders(1).remove(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..EACH).for_each(|_| buffer.admitted(&key, NOW, None)));
            }
            for _ in 0..200 {
                buffer.gather(NOW);
                assert!(write(&buffer, &store).is_ready());
            }
        });
        buffer.gather(NOW);
        assert!(write(&buffer, &store).is_ready());
        assert_eq!(store.total(), 3 * EACH);
    }
}
