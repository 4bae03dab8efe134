//! The counter that several nodes share.

use crate::{NodePlace, StoreResult};
use async_trait::async_trait;
use dalston_model::{KeyId, LeaseId, NodeId, RateLimit, Timestamp};
use std::time::Duration;

/// The length of a slot, in which the counter keeps one count.
pub const SLOT: Duration = Duration::from_micros(SLOT_MICROS.unsigned_abs());
const SLOT_MICROS: i64 = 250_000;
/// Slots that count beside the current one.
pub const WINDOW_SLOTS: i64 = 240;
/// A slice may be spent in so many slots, one after the other.
pub const LEASE_SLOTS: usize = 9;
/// A slice begins so many slots from now at most.
pub const AHEAD_SLOTS: i64 = 8;

/// The slot in which `at` lies.
pub const fn slot(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(SLOT_MICROS)
}

/// When the slot begins.
pub const fn slot_start(slot: i64) -> Timestamp {
    Timestamp::from_micros(slot.saturating_mul(SLOT_MICROS))
}

/// What a request found in its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// Whether there was room. If not, nothing was counted.
    pub admitted: bool,
    /// Requests that count now, this one among them when it was admitted.
    pub used: u32,
    /// Until there is more room: for a refused request, until the next one is admitted; for an admitted one, until
    /// the oldest stops counting.
    pub frees_in: Duration,
}

/// A slice that a node is done with: the rest of it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedLease {
    /// Which slice.
    pub id: LeaseId,
    /// The first slot in which it might be spent.
    pub first: i64,
    /// The units that were spent in that slot and in those after it.
    pub spent: [u32; LEASE_SLOTS],
}

impl ClosedLease {
    /// The units that were spent, by slot.
    pub fn slots(&self) -> impl Iterator<Item = (i64, u32)> {
        (self.first..).zip(self.spent).filter(|(_, units)| *units > 0)
    }

    /// The units that were spent.
    pub fn units(&self) -> u32 {
        self.spent.iter().fold(0, |sum, units| sum.saturating_add(*units))
    }
}

/// What a node asks of the counter, and what it gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The slice that it asks for. To ask again with the same id is to give back what was lent under it.
    pub id: LeaseId,
    /// The limit of the key.
    pub limit: RateLimit,
    /// Units that it would have; with 0 it only gives back.
    pub want: u32,
    /// Slices that it is done with. Those that the counter does not know, it knows to be settled.
    pub closed: Vec<ClosedLease>,
}

/// A slice of a key's minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedLease {
    /// Units that may be spent.
    pub units: u32,
    /// The time of the store.
    pub now: Timestamp,
    /// From when on they may be spent, by the store's time: there is room then.
    pub starts: Timestamp,
    /// Until when, that moment not among them.
    pub ends: Timestamp,
    /// Requests and slices that count now, this slice among them.
    pub used: u32,
    /// As in [`Acquired`]: when nothing was granted until there is room for one, else until the oldest stops counting.
    pub frees_in: Duration,
}

/// Requests that a node admitted without the counter, in one second of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAdmissions {
    /// Which second, by the node's own count. It tells the reports of one second apart from those of another.
    pub second: i64,
    /// How many slots ago that second ended at least, when the report was sent.
    pub age: i64,
    /// All requests of that second, reported before or not.
    pub units: u32,
}

/// Counts admitted requests in windows of 60 seconds, by the store's clock.
///
/// The window is kept as one count a slot of 250 ms. At a time in slot `s`, the counts of the slots from `s - 240` on
/// count: 241 up to now, which cover every window of 60 seconds that ends now, so no such window ever holds more than
/// the limit.
///
/// When the store's clock is set back, all that is kept moves back with it, as though no time had passed: every unit
/// counts for at least as long as before, and for one window from now at most.
///
/// A slice is counted in the last slot in which it may be spent, which may lie ahead, until the node says in which
/// slots it was spent. So whoever looks at a window later finds each unit in the slot where it was spent or in a later
/// one, and nothing is forgotten too early; a node that dies costs the key its slice for a minute.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Takes one unit for the key when fewer than `limit` count, in one atomic step.
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired>;

    /// Settles the slices that the node is done with, and lends it another, in one atomic step. As many units as
    /// there will be within the next eight slots, at most as it would have, from the first slot on in which there are
    /// as many: so nodes at the limit get slices in turn, and need not ask for each unit that ends.
    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease>;

    /// Counts what the node admitted without the counter, also beyond the limit. The units of a second are the sum of
    /// all that the node admitted in it, and the counter adds what it does not know yet: a report may come twice, late
    /// or out of order and counts once. A second counts in the slot that lies its age before now.
    async fn report(&self, key: KeyId, node: NodeId, alone: &[LocalAdmissions]) -> StoreResult<()>;

    /// Registers the node for [`NODE_LEASE`](crate::NODE_LEASE), again or for the first time, and gives its place. `seen`
    /// is the turn of the place by which the node goes until it has the answer; 0 when it has none.
    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace>;

    /// Takes the node off the list.
    async fn delist(&self, node: NodeId) -> StoreResult<()>;
}
