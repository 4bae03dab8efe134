//! Staleness of cached answers: what this node knows of changes, and so which cached answers it may still use.
//!
//! An answer that was read from the store carries a [`ReadStamp`]: when the read began, and how many changes the node
//! knew by then. A cached answer is used while two conditions hold:
//!
//! * No change of its key was reported since the read began. So an answer that was read before a change was reported is
//!   never used after it.
//! * The change feed was read successfully within the freshness bound. So a change that is never reported takes effect
//!   within the bound.
//!
//! An answer is cached only if the last change of its key is not newer than this node's checkpoint in the change feed.
//! A fail-over could roll a newer change back, and the node would not notice.
//!
//! The protocol is model-checked in the tests (`tests/model`).

use dalston_model::KeyId;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Number of groups in which changes of keys are tracked: 128 KiB. A change invalidates the cached answers of all keys
/// in its group, which costs each of them one read.
const GROUPS: usize = 1 << 14;
/// The value before the change feed was first read.
const NEVER: u64 = 0;

/// A time on the node's monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MonotonicNanos(u64);

impl MonotonicNanos {
    /// The earliest time.
    #[cfg(test)]
    pub(crate) const FIRST: Self = Self(0);

    /// Converts the time since the start of the clock.
    pub(crate) fn of(monotonic: Duration) -> Self {
        Self(nanos(monotonic))
    }

    /// Returns the time that is `by` later.
    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The number of changes that this node knew of at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheEpoch(u64);

/// When a read of the store began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadStamp {
    /// On the node's monotonic clock.
    pub(crate) at: MonotonicNanos,
    /// The number of changes that this node knew of.
    pub(crate) generation: CacheEpoch,
    /// The node's checkpoint in the change feed: the sequence number up to which it had read.
    pub(crate) checkpoint: u64,
}

/// What this node knows of changes, and as of when.
pub(crate) struct Freshness {
    bound: Duration,
    /// When the last successful read of the change feed began, in nanoseconds of the monotonic clock plus one, or
    /// [`NEVER`].
    feed_read: AtomicU64,
    checkpoint: AtomicU64,
    generation: AtomicU64,
    flushed: AtomicU64,
    changed: Box<[AtomicU64]>,
}

impl Freshness {
    /// Creates the state before the first read of the change feed. `bound` is the freshness bound.
    pub(crate) fn new(bound: Duration) -> Self {
        Self {
            bound,
            feed_read: AtomicU64::new(NEVER),
            checkpoint: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            changed: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Returns the stamp of a read that begins at `now`. Must be called before the store is asked.
    pub(crate) fn begin(&self, now: MonotonicNanos) -> ReadStamp {
        let checkpoint = self.checkpoint.load(Ordering::SeqCst);
        ReadStamp { at: now, generation: CacheEpoch(self.generation.load(Ordering::SeqCst)), checkpoint }
    }

    /// Invalidates answers about the key: the change feed reported a change of it, or this node has committed one.
    pub(crate) fn changed(&self, key: KeyId) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.group(key).fetch_max(generation, Ordering::SeqCst);
    }

    /// Invalidates all answers that were read until now, because anything may have changed.
    pub(crate) fn flush(&self) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.flushed.fetch_max(generation, Ordering::SeqCst);
    }

    /// Records that the change feed was read up to this sequence number.
    pub(crate) fn checkpoint_reached(&self, seq: u64) {
        self.checkpoint.store(seq, Ordering::SeqCst);
    }

    /// Records that all changes up to `began` are known.
    pub(crate) fn feed_read(&self, began: MonotonicNanos) {
        // Plus one, because the time may be zero, and zero means never.
        self.feed_read.fetch_max(began.0.saturating_add(1), Ordering::SeqCst);
    }

    /// Returns whether an answer about the key that was read at this epoch is still valid, as far as this node knows.
    pub(crate) fn holds(&self, read: CacheEpoch, key: KeyId) -> bool {
        let changed = self.group(key).load(Ordering::Acquire).max(self.flushed.load(Ordering::Acquire));
        changed <= read.0
    }

    /// Returns the freshness bound.
    pub(crate) const fn bound(&self) -> Duration {
        self.bound
    }

    /// Returns whether no change at all was reported since this epoch.
    pub(crate) fn is_last(&self, read: CacheEpoch) -> bool {
        self.generation.load(Ordering::Acquire) == read.0
    }

    /// Returns whether the change feed was read within `times` times the freshness bound.
    pub(crate) fn is_fresh(&self, now: MonotonicNanos, times: u32) -> bool {
        self.age(now).is_some_and(|age| age < self.bound.saturating_mul(times))
    }

    /// Returns how long ago the last successful read of the change feed began; `None` before the first one.
    pub(crate) fn age(&self, now: MonotonicNanos) -> Option<Duration> {
        let feed_read = self.feed_read.load(Ordering::Acquire);
        (feed_read != NEVER).then(|| Duration::from_nanos(now.0.saturating_add(1).saturating_sub(feed_read)))
    }

    fn group(&self, key: KeyId) -> &AtomicU64 {
        // The low bits of a UUIDv7 are random. The mask keeps the index below the number of groups.
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
        freshness.feed_read(MonotonicNanos::FIRST);
        let almost = SECOND.checked_sub(Duration::from_nanos(1)).unwrap();
        assert!(freshness.is_fresh(at(almost), 1));
        assert!(!freshness.is_fresh(at(SECOND), 1) && freshness.is_fresh(at(SECOND), 2));
        freshness.feed_read(at(SECOND * 3));
        freshness.feed_read(at(SECOND * 2));
        assert!(freshness.is_fresh(at(SECOND * 3 + almost), 1), "an answer that comes late takes nothing back");
        assert_eq!(freshness.age(at(SECOND * 4)), Some(SECOND));
    }
}
