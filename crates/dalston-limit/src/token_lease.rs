//! One token lease of a key, and bounds on the store's time at which it may be spent.

use dalston_model::LeaseId;
use dalston_model::Timestamp;
use dalston_store::{ClosedLease, GrantedLease, LEASE_SLOTS, slot};
use std::time::Duration;

/// Bound of the clock drift between a node and the store: less than one part in 2^10.
const DRIFT: u32 = 10;

/// A token lease. It is valid by the store's time, of which this node knows only a lower and an upper bound.
pub(crate) struct TokenLease {
    id: LeaseId,
    granted: GrantedLease,
    /// The slot in which the lease starts.
    first: i64,
    left: u32,
    spent: [u32; LEASE_SLOTS],
    /// When the request was sent and when the reply arrived, on the monotonic clock, in microseconds. The store's time
    /// was `granted.now` at some moment in between.
    sent: i64,
    last_reply: i64,
}

/// The phase of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The lease has not started. It starts after this duration.
    Ahead(Duration),
    /// The lease is valid. A token spent now counts in this slot, relative to the first slot of the lease.
    Open(usize),
    /// The lease has expired.
    Over,
}

impl TokenLease {
    pub(crate) fn new(id: LeaseId, granted: GrantedLease, sent: i64, last_reply: i64) -> Self {
        let first = slot(granted.starts);
        Self { id, granted, first, left: granted.units, spent: [0; LEASE_SLOTS], sent, last_reply }
    }

    /// The phase of the lease at the monotonic time `at`, estimated on the safe side. The lease starts by the lower
    /// bound of the store's time. A token counts in the slot of the upper bound, and the lease expires by the upper
    /// bound too.
    pub(crate) fn phase(&self, at: i64) -> Phase {
        let passed = at.saturating_sub(self.last_reply).max(0);
        let earliest = self.granted.now.as_micros().saturating_add(passed.saturating_sub(passed >> DRIFT));
        let wait = self.granted.starts.as_micros().saturating_sub(earliest);
        if wait > 0 {
            return Phase::Ahead(Duration::from_micros(wait.unsigned_abs()));
        }
        let passed = at.saturating_sub(self.sent).max(0);
        let latest = self.granted.now.as_micros().saturating_add(passed.saturating_add(passed >> DRIFT));
        let place = slot(Timestamp::from_micros(latest)).saturating_sub(self.first);
        match usize::try_from(place) {
            Ok(place) if place < LEASE_SLOTS && latest < self.granted.ends.as_micros() => Phase::Open(place),
            _ => Phase::Over,
        }
    }

    /// Spends a token in this slot, relative to the first. Returns `false` if no token is left.
    pub(crate) fn spend(&mut self, place: usize) -> bool {
        let (Some(left), Some(spent)) = (self.left.checked_sub(1), self.spent.get_mut(place)) else { return false };
        self.left = left;
        *spent = spent.saturating_add(1);
        true
    }

    /// Tokens that are not spent.
    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    /// The settlement of this lease for the store.
    pub(crate) const fn closed(&self) -> ClosedLease {
        ClosedLease { id: self.id, first: self.first, spent: self.spent }
    }

    /// The monotonic time in microseconds at which the lease has certainly expired; it may be a little late.
    pub(crate) fn over_at(&self) -> i64 {
        self.last_reply.saturating_add(self.granted.ends.as_micros().saturating_sub(self.granted.now.as_micros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::SeededEntropy;

    fn lease(starts: i64, sent: i64, last_reply: i64) -> TokenLease {
        let now = Timestamp::from_secs(1_700_000_000);
        let granted = GrantedLease {
            units: 2,
            now,
            starts: Timestamp::from_micros(now.as_micros() + starts),
            ends: now.plus(Duration::from_millis(4_250)),
            used: 2,
            frees_in: Duration::ZERO,
        };
        TokenLease::new(LeaseId::new(now, &SeededEntropy::new(1)).unwrap(), granted, sent, last_reply)
    }

    #[test]
    fn a_slice_that_is_ahead_waits_from_when_it_was_heard_of() {
        let lease = lease(2_000_000, 1_000_000, 1_900_000);
        assert_eq!(lease.phase(1_900_000), Phase::Ahead(Duration::from_secs(2)));
        assert!(matches!(lease.phase(3_890_000), Phase::Ahead(_)));
        // The store's time may be 0.9 s later.
        assert_eq!(lease.phase(3_902_500), Phase::Open(3));
    }

    #[test]
    fn a_slice_is_over_by_when_it_was_asked_for() {
        let mut lease = lease(0, 1_000_000, 1_900_000);
        assert_eq!(lease.phase(1_000_000), Phase::Open(0));
        assert_eq!(lease.phase(1_900_000), Phase::Open(3));
        assert_eq!(lease.phase(3_300_000), Phase::Over);
        assert!(lease.spend(0) && lease.spend(3) && !lease.spend(3));
        assert_eq!((lease.left(), lease.closed().units()), (0, 2));
    }
}
