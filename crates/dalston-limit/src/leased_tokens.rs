//! What a node has in hand for a key: the slice that it spends and the next one, and what it knows of the minute.

use crate::{
    breaker::micros,
    shards::ShardEntry,
    token_lease::{Phase, TokenLease},
};
use dalston_model::{LeaseId, RateLimit};
use dalston_store::{Acquired, ClosedLease, GrantedLease, LEASE_SLOTS};
use std::time::Duration;

/// A slice is as many units as the key was asked for in so many microseconds.
const REACH: i64 = 2_000_000;
/// The next slice is asked for when what is left would last no longer, in microseconds.
const LEAD: i64 = 50_000;
/// A refusal is remembered for so long at most, in microseconds: others may give back what they do not need.
const MEMORY: i64 = 15_000_000;
/// A purse that was not touched for so long holds nothing.
const REST: i64 = 66_000_000;
/// Slices that the store has not settled; of more the oldest are forgotten, which costs the key no more than they held.
const UNSETTLED: usize = 32;

/// What is in hand for a key. Times are of the monotonic clock, in microseconds.
#[derive(Default)]
pub(crate) struct LeasedTokens {
    /// The limit under which all this was asked for.
    limit: Option<RateLimit>,
    current: Option<TokenLease>,
    next: Option<TokenLease>,
    /// Slices that are done with, which the store has not heard.
    closed: Vec<ClosedLease>,
    /// Whether something goes back with them.
    owes: bool,
    /// Whether the next slice is asked for.
    awaited: bool,
    /// Until when there is no room, as far as it is remembered, and when there will be.
    refused_until: i64,
    room_at: i64,
    /// Units that neither counted nor were in hand at the last answer.
    room: u32,
    /// Requests since the moment when the last slice came, or the first of them did.
    demand: u32,
    since: i64,
    /// So few are left that the next slice is due.
    low: u32,
    /// Units of slices that are done with, which the node's own window has not heard of.
    unnoted: u32,
    touched: Option<i64>,
}

/// What a purse says of a request.
pub(crate) enum TokenDecision {
    /// It is decided, and whether it is time to ask for the next slice.
    Taken(Acquired, bool),
    /// The store must be asked.
    Unknown,
}

impl ShardEntry for LeasedTokens {
    fn is_idle(&self, now: Duration) -> bool {
        self.touched.is_none_or(|touched| micros(now).saturating_sub(touched) > REST)
    }
}

impl LeasedTokens {
    /// Takes a unit at `at`.
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
        // What ends next is known for the moment of the last answer only.
        let frees_in = u64::try_from(self.room_at.saturating_sub(at)).unwrap_or_default().max(1);
        Acquired { admitted: true, used, frees_in: Duration::from_micros(frees_in) }
    }

    /// Another limit than before: what is in hand was lent under a higher one, or a refusal came of a lower one.
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

    /// How many units a slice should have, this request among them, at most `most`: as many as are asked for in
    /// [`REACH`], and twice as many as were asked for since the last one came, so that they grow quickly and no further
    /// than they are spent.
    pub(crate) fn want(&self, most: u32, at: i64) -> u32 {
        let demand = i64::from(self.demand).saturating_add(1);
        let passed = at.saturating_sub(self.since);
        let idle = self.current.is_none() && passed > REACH;
        let demand = if idle { 1 } else { demand };
        let spent = demand.saturating_mul(REACH).checked_div(passed.max(1_000)).unwrap_or_default();
        u32::try_from(spent.min(demand.saturating_mul(2))).unwrap_or(u32::MAX).min(most)
    }

    /// What the store is to be told with the next call: slices that are done with.
    pub(crate) fn settling(&mut self, at: i64) -> Vec<ClosedLease> {
        self.collect(at);
        self.closed.clone()
    }

    /// The answer to a call that told the store of `settled` slices: a slice, if one was asked for under `limit`.
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
        // The limit may have been lowered meanwhile; and nobody asks for a third slice.
        if let Some(before) = before {
            self.done(&before);
        }
        if self.limit.is_some_and(|known| known < limit) {
            self.close();
        }
    }

    /// The answer to a call that asked for one unit.
    pub(crate) fn taken(&mut self, taken: Acquired, at: i64) {
        self.count(at);
        if !taken.admitted {
            let frees_in = i64::try_from(taken.frees_in.as_micros()).unwrap_or(i64::MAX);
            (self.room, self.room_at) = (0, at.saturating_add(frees_in));
            self.refused_until = at.saturating_add(frees_in.min(MEMORY));
        }
    }

    /// The answer was lost, and with it a slice, which nobody spends.
    pub(crate) fn lost(&mut self, id: LeaseId) {
        self.awaited = false;
        self.unsettled(ClosedLease { id, first: 0, spent: [0; LEASE_SLOTS] });
        self.owes = true;
    }

    /// Nobody asks for the next slice: the key is not worth one now, or the counter is down.
    pub(crate) fn spared(&mut self) {
        self.awaited = false;
    }

    /// Closes what is over at `at`, and says whether something should go back.
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

    /// Closes all that is in hand, and says whether something should go back.
    pub(crate) fn close(&mut self) -> bool {
        self.close_current();
        self.close_current();
        self.owes
    }

    /// The units that the node's own window has not heard of; from now on it has.
    pub(crate) fn unnoted(&mut self) -> u32 {
        std::mem::take(&mut self.unnoted)
    }

    /// Does with the slice that it spends, and goes on to the next.
    fn close_current(&mut self) {
        if let Some(lease) = self.current.take() {
            self.done(&lease);
        }
        self.current = self.next.take();
    }

    fn done(&mut self, lease: &TokenLease) {
        let closed = lease.closed();
        self.unnoted = self.unnoted.saturating_add(closed.units());
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
