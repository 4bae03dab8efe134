//! The leased tokens of one key on this node: the current and the next lease, and what is known of the key's window.

use crate::{
    breaker::micros,
    shards::ShardEntry,
    token_lease::{Phase, TokenLease},
};
use dalston_model::{LeaseId, RateLimit};
use dalston_store::{Acquired, ClosedLease, GrantedLease, LEASE_SLOTS};
use std::time::Duration;

/// A lease covers the demand of this duration, in microseconds.
const REACH: i64 = 2_000_000;
/// The next lease is requested when the remaining tokens would last no longer than this, in microseconds.
const LEAD: i64 = 50_000;
/// A refusal is cached for at most this duration, in microseconds: other nodes may release tokens that they do not
/// need.
const MEMORY: i64 = 15_000_000;
/// An entry that was not used for this duration, in microseconds, holds no tokens.
const OPEN_FOR: i64 = 66_000_000;
/// Maximum number of closed leases kept for settlement with the store. Beyond it the oldest are dropped, which costs
/// the key at most the tokens they held.
const UNSETTLED: usize = 32;

/// The leased tokens of one key. Times are monotonic, in microseconds.
#[derive(Default)]
pub(crate) struct LeasedTokens {
    /// The limit under which the leases were requested.
    limit: Option<RateLimit>,
    current: Option<TokenLease>,
    next: Option<TokenLease>,
    /// Closed leases that the store has not settled yet.
    closed: Vec<ClosedLease>,
    /// Whether unspent tokens must be released with them.
    owes: bool,
    /// Whether a request for the next lease is pending.
    awaited: bool,
    /// Until when requests are refused from the cache, and when there will be room again.
    refused_until: i64,
    room_at: i64,
    /// Tokens that, at the last reply, were neither counted nor leased.
    room: u32,
    /// Number of requests since `since`: when the last lease arrived, or the first of these requests was made.
    demand: u32,
    since: i64,
    /// The next lease is requested when no more tokens than this are left.
    low: u32,
    /// Tokens spent from closed leases that are not yet counted in the node's own window.
    unreported: u32,
    touched: Option<i64>,
}

/// The result of taking a token from memory.
pub(crate) enum TokenDecision {
    /// The request is decided. The flag is set if it is time to request the next lease.
    Taken(Acquired, bool),
    /// The store must decide.
    Unknown,
}

impl ShardEntry for LeasedTokens {
    fn is_idle(&self, now: Duration) -> bool {
        self.touched.is_none_or(|touched| micros(now).saturating_sub(touched) > OPEN_FOR)
    }
}

impl LeasedTokens {
    /// Takes a token at `at`.
    pub(crate) fn take(&mut self, limit: RateLimit, at: i64) -> TokenDecision {
        self.touched = Some(at);
        self.adapt(limit);
        while let Some(lease) = &mut self.current {
            match lease.phase(at) {
                Phase::Ahead(wait) => {
                    self.count(at);
                    return TokenDecision::Taken(
                        Acquired { admitted: false, used: limit.get(), frees_in: wait },
                        false,
                    );
                }
                Phase::Open(place) if lease.spend(place) => {
                    let due = !self.awaited && self.next.is_none() && lease.left() <= self.low;
                    self.awaited |= due;
                    self.count(at);
                    return TokenDecision::Taken(self.admitted(limit, at), due);
                }
                Phase::Open(_) | Phase::Over => self.close_current(),
            }
        }
        if at < self.refused_until {
            self.count(at);
            let frees_in = Duration::from_micros(self.room_at.saturating_sub(at).unsigned_abs());
            return TokenDecision::Taken(Acquired { admitted: false, used: limit.get(), frees_in }, false);
        }
        TokenDecision::Unknown
    }

    fn admitted(&self, limit: RateLimit, at: i64) -> Acquired {
        let in_hand = [&self.current, &self.next].into_iter().flatten().fold(0_u32, |sum, lease| {
            if matches!(lease.phase(at), Phase::Ahead(_)) { sum } else { sum.saturating_add(lease.left()) }
        });
        let used = limit.get().saturating_sub(self.room).saturating_sub(in_hand).max(1);
        // When the oldest request stops counting is known only as of the last reply.
        let frees_in = u64::try_from(self.room_at.saturating_sub(at)).unwrap_or_default().max(1);
        Acquired { admitted: true, used, frees_in: Duration::from_micros(frees_in) }
    }

    /// Handles a changed limit: drops a cached refusal, which may stem from a lower limit, and closes leases that were
    /// granted under a higher one.
    fn adapt(&mut self, limit: RateLimit) {
        let before = self.limit.replace(limit);
        if before == Some(limit) {
            return;
        }
        self.refused_until = 0;
        if before.is_some_and(|before| limit < before) {
            self.close();
        }
    }

    /// Counts a request that was decided.
    fn count(&mut self, at: i64) {
        if self.current.is_none() && at.saturating_sub(self.since) > REACH {
            self.since = at;
            self.demand = 0;
        }
        self.demand = self.demand.saturating_add(1);
    }

    /// The size of the next lease including this request, at most `most`: the demand of [`REACH`], and at most twice
    /// the requests since the last lease arrived. So leases grow quickly, but not beyond what is spent.
    pub(crate) fn want(&self, most: u32, at: i64) -> u32 {
        let demand = i64::from(self.demand).saturating_add(1);
        let passed = at.saturating_sub(self.since);
        let idle = self.current.is_none() && passed > REACH;
        let demand = if idle { 1 } else { demand };
        let spent = demand.saturating_mul(REACH).checked_div(passed.max(1_000)).unwrap_or_default();
        u32::try_from(spent.min(demand.saturating_mul(2))).unwrap_or(u32::MAX).min(most)
    }

    /// The closed leases to settle with the next call of the store.
    pub(crate) fn settling(&mut self, at: i64) -> Vec<ClosedLease> {
        self.collect(at);
        self.closed.clone()
    }

    /// Applies the reply to a call that settled `settled` closed leases, with a lease if one was requested under
    /// `limit`.
    pub(crate) fn granted(
        &mut self,
        lease: Option<(TokenLease, RateLimit)>,
        granted: GrantedLease,
        settled: usize,
        at: i64,
    ) {
        self.closed.drain(..settled.min(self.closed.len()));
        self.owes = false;
        let Some((lease, limit)) = lease else { return };
        let passed = at.saturating_sub(self.since).max(1_000);
        let rate = i64::from(self.demand).saturating_mul(LEAD).checked_div(passed).unwrap_or_default();
        let half = lease.left().checked_div(2).unwrap_or_default().max(1);
        self.low = u32::try_from(rate).unwrap_or(u32::MAX).clamp(1, half);
        self.awaited = false;
        let frees_in = i64::try_from(granted.frees_in.as_micros()).unwrap_or(i64::MAX);
        self.room = limit.get().saturating_sub(granted.used);
        self.room_at = at.saturating_add(frees_in);
        if granted.units == 0 {
            self.refused_until = at.saturating_add(frees_in.min(MEMORY));
            return;
        }
        (self.since, self.demand) = (at, 0);
        let place = if self.current.is_none() { &mut self.current } else { &mut self.next };
        let before = place.replace(lease);
        // The limit may have been lowered since the request. A third lease is never requested, but would be closed.
        if let Some(before) = before {
            self.done(&before);
        }
        if self.limit.is_some_and(|known| known < limit) {
            self.close();
        }
    }

    /// Applies the reply to a request for one token.
    pub(crate) fn taken(&mut self, taken: Acquired, at: i64) {
        self.count(at);
        if !taken.admitted {
            let frees_in = i64::try_from(taken.frees_in.as_micros()).unwrap_or(i64::MAX);
            (self.room, self.room_at) = (0, at.saturating_add(frees_in));
            self.refused_until = at.saturating_add(frees_in.min(MEMORY));
        }
    }

    /// Handles a lost reply: nobody spends the lease that it may have granted, so it is settled as unspent.
    pub(crate) fn lost(&mut self, id: LeaseId) {
        self.awaited = false;
        self.unsettled(ClosedLease { id, first: 0, spent: [0; LEASE_SLOTS] });
        self.owes = true;
    }

    /// Withdraws the pending request for the next lease: the key uses too little for one, or the counter is down.
    pub(crate) fn spared(&mut self) {
        self.awaited = false;
    }

    /// Closes the leases that have expired at `at`. Returns whether unspent tokens must be released.
    pub(crate) fn collect(&mut self, at: i64) -> bool {
        let over = |lease: &Option<TokenLease>| lease.as_ref().is_some_and(|lease| lease.phase(at) == Phase::Over);
        if over(&self.current) {
            self.close_current();
        }
        if over(&self.current) {
            self.close_current();
        }
        self.owes
    }

    /// Closes all leases. Returns whether unspent tokens must be released.
    pub(crate) fn close(&mut self) -> bool {
        self.close_current();
        self.close_current();
        self.owes
    }

    /// Returns the spent tokens that are not yet counted in the node's own window, and resets them to zero.
    pub(crate) fn unreported(&mut self) -> u32 {
        std::mem::take(&mut self.unreported)
    }

    /// Closes the current lease, and makes the next one current.
    fn close_current(&mut self) {
        if let Some(lease) = self.current.take() {
            self.done(&lease);
        }
        self.current = self.next.take();
    }

    fn done(&mut self, lease: &TokenLease) {
        let closed = lease.closed();
        self.unreported = self.unreported.saturating_add(closed.units());
        self.owes |= lease.left() > 0;
        self.unsettled(closed);
    }

    fn unsettled(&mut self, closed: ClosedLease) {
        if self.closed.len() >= UNSETTLED {
            self.closed.remove(0);
        }
        self.closed.push(closed);
    }
}
