//! What a node has heard of changes, and so which answers it may still give from memory.
//!
//! An answer that was read from the store carries a [`ReadStamp`]: when the read began, and how many changes had been
//! heard by then. It holds as long as no change of its key was heard since, and it may be used without asking again
//! while the record of changes was heard within the bound. So a value that was read before a change was heard is never
//! used after it, and a change that is never heard is obeyed within the bound. What the store holds and the record up to
//! this node's mark does not tell of is not kept: a fail-over could take it back without a trace. The protocol is model-checked in the
//! tests (`tests/model`).

use dalston_model::KeyId;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Changes are told apart by so many groups of keys: a change makes the answers about its whole group doubtful, which
/// costs those a read. 128 KiB.
const GROUPS: usize = 1 << 14;
/// Before the record was heard for the first time.
const NEVER: u64 = 0;

/// A moment of the node's monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MonotonicNanos(u64);

impl MonotonicNanos {
    /// The one before all others.
    #[cfg(test)]
    pub(crate) const FIRST: Self = Self(0);

    /// So long after the clock's beginning.
    pub(crate) fn of(monotonic: Duration) -> Self {
        Self(nanos(monotonic))
    }

    /// So long after this one.
    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// How long after `earlier`; zero when it is not after.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// How many changes this node had heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheEpoch(u64);

/// When a read of the store began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadStamp {
    /// By the node's monotonic clock.
    pub(crate) at: MonotonicNanos,
    /// Changes heard by then.
    pub(crate) generation: CacheEpoch,
    /// The number of the last of them in the record.
    pub(crate) mark: u64,
}

/// How fresh this node's knowledge is.
pub(crate) struct Freshness {
    bound: Duration,
    /// When the last successful look at the record began, in nanoseconds of the monotonic clock.
    heard: AtomicU64,
    mark: AtomicU64,
    generation: AtomicU64,
    flushed: AtomicU64,
    changed: Box<[AtomicU64]>,
}

impl Freshness {
    /// Answers from memory may be as old as `bound`.
    pub(crate) fn new(bound: Duration) -> Self {
        Self {
            bound,
            heard: AtomicU64::new(NEVER),
            mark: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            changed: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The beginning of a read at `now`: made before the store is asked.
    pub(crate) fn begin(&self, now: MonotonicNanos) -> ReadStamp {
        let mark = self.mark.load(Ordering::SeqCst);
        ReadStamp { at: now, generation: CacheEpoch(self.generation.load(Ordering::SeqCst)), mark }
    }

    /// A change of the key was heard, or was made here and is committed.
    pub(crate) fn changed(&self, key: KeyId) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.group(key).fetch_max(generation, Ordering::SeqCst);
    }

    /// Anything may have changed: no answer that was read until now holds.
    pub(crate) fn flush(&self) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.flushed.fetch_max(generation, Ordering::SeqCst);
    }

    /// The record was heard up to this number.
    pub(crate) fn marked(&self, seq: u64) {
        self.mark.store(seq, Ordering::SeqCst);
    }

    /// All changes up to `began` were heard.
    pub(crate) fn heard(&self, began: MonotonicNanos) {
        // One more than the time, which may be zero: that is for never.
        self.heard.fetch_max(began.0.saturating_add(1), Ordering::SeqCst);
    }

    /// Whether an answer about the key, read then, still holds as far as this node has heard.
    pub(crate) fn holds(&self, read: CacheEpoch, key: KeyId) -> bool {
        let changed = self.group(key).load(Ordering::Acquire).max(self.flushed.load(Ordering::Acquire));
        changed <= read.0
    }

    /// How long answers may go without the record being heard.
    pub(crate) const fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether nothing at all was heard since.
    pub(crate) fn is_last(&self, read: CacheEpoch) -> bool {
        self.generation.load(Ordering::Acquire) == read.0
    }

    /// Whether the record was heard within the bound, times `times`.
    pub(crate) fn is_fresh(&self, now: MonotonicNanos, times: u32) -> bool {
        self.age(now).is_some_and(|age| age < self.bound.saturating_mul(times))
    }

    /// How long ago the last successful look at the record began.
    pub(crate) fn age(&self, now: MonotonicNanos) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Acquire);
        (heard != NEVER).then(|| Duration::from_nanos(now.0.saturating_add(1).saturating_sub(heard)))
    }

    fn group(&self, key: KeyId) -> &AtomicU64 {
        // The last bits of a UUIDv7 are random. The mask keeps the index below the number of groups.
        let random = key.as_uuid().as_u64_pair().1;
        &self.changed[usize::try_from(random).unwrap_or_default() & (GROUPS - 1)]
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{SeededEntropy, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(since: Duration) -> MonotonicNanos {
        MonotonicNanos::of(since)
    }

    #[test]
    fn what_was_read_before_a_change_was_heard_does_not_hold_after_it() {
        let (freshness, entropy) = (Freshness::new(SECOND), SeededEntropy::new(1));
        let key = || KeyId::new(Timestamp::from_secs(1_700_000_000), &entropy).unwrap();
        let (one, other) = (key(), key());
        let before = freshness.begin(at(SECOND)).generation;
        assert!(freshness.holds(before, one) && freshness.is_last(before));
        freshness.changed(one);
        assert!(!freshness.holds(before, one) && freshness.holds(before, other) && !freshness.is_last(before));
        let after = freshness.begin(at(SECOND)).generation;
        assert!(freshness.holds(after, one));
        freshness.flush();
        assert!(!freshness.holds(after, one) && !freshness.holds(after, other));
        assert!(freshness.holds(freshness.begin(at(SECOND)).generation, one));
    }

    #[test]
    fn it_is_fresh_for_the_bound_after_the_record_was_heard() {
        let freshness = Freshness::new(SECOND);
        assert!(!freshness.is_fresh(MonotonicNanos::FIRST, 1), "nothing was ever heard");
        freshness.heard(MonotonicNanos::FIRST);
        let almost = SECOND.checked_sub(Duration::from_nanos(1)).unwrap();
        assert!(freshness.is_fresh(at(almost), 1));
        assert!(!freshness.is_fresh(at(SECOND), 1) && freshness.is_fresh(at(SECOND), 2));
        freshness.heard(at(SECOND * 3));
        freshness.heard(at(SECOND * 2));
        assert!(freshness.is_fresh(at(SECOND * 3 + almost), 1), "an answer that comes late takes nothing back");
        assert_eq!(freshness.age(at(SECOND * 4)), Some(SECOND));
    }
}
