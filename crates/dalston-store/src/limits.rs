//! The rate-limit counter that several nodes share.

use crate::{NodePlace, StoreResult};
use async_trait::async_trait;
use dalston_model::{KeyId, LeaseId, NodeId, RateLimit, Timestamp};
use std::time::Duration;

/// The length of a slot. The counter keeps one count for each slot.
pub const SLOT: Duration = Duration::from_micros(SLOT_MICROS.unsigned_abs());
const SLOT_MICROS: i64 = 250_000;
/// The number of slots before the current one that count.
pub const WINDOW_SLOTS: i64 = 240;
/// The number of consecutive slots in which a lease may be spent.
pub const LEASE_SLOTS: usize = 9;
/// A lease starts at most this many slots from now.
pub const AHEAD_SLOTS: i64 = 8;

/// Returns the slot that contains `at`.
pub const fn slot(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(SLOT_MICROS)
}

/// Returns the start of the slot.
pub const fn slot_start(slot: i64) -> Timestamp {
    Timestamp::from_micros(slot.saturating_mul(SLOT_MICROS))
}

/// The result of taking one token for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// Whether the request is admitted. If not, nothing was counted.
    pub admitted: bool,
    /// The number of requests that count now. Includes this one if it was admitted.
    pub used: u32,
    /// The time until more tokens are available. For a refused request: until the next one is admitted. For an admitted
    /// one: until the oldest stops counting.
    pub frees_in: Duration,
}

/// A lease that a node is done with. Its unspent tokens are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedLease {
    /// The id of the lease.
    pub id: LeaseId,
    /// The first slot in which the lease could be spent.
    pub first: i64,
    /// The tokens that were spent in that slot and in each of the following ones.
    pub spent: [u32; LEASE_SLOTS],
}

impl ClosedLease {
    /// Returns the slots with spent tokens, and the number spent in each.
    pub fn slots(&self) -> impl Iterator<Item = (i64, u32)> {
        (self.first..).zip(self.spent).filter(|(_, units)| *units > 0)
    }

    /// Returns the number of tokens that were spent.
    pub fn units(&self) -> u32 {
        self.spent.iter().fold(0, |sum, units| sum.saturating_add(*units))
    }
}

/// A node's request for a lease, together with the leases that it returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The id of the requested lease. A second request with the same id first returns the tokens that were leased under
    /// it, so it is safe to retry.
    pub id: LeaseId,
    /// The rate limit of the key.
    pub limit: RateLimit,
    /// The number of tokens wanted. 0: only return leases.
    pub want: u32,
    /// The leases that the node is done with. A lease that the counter does not know is one that it has settled
    /// already.
    pub closed: Vec<ClosedLease>,
}

/// A block of a key's tokens that one node may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedLease {
    /// The number of tokens that may be spent.
    pub units: u32,
    /// The store's time.
    pub now: Timestamp,
    /// The start of the lease, by the store's time: the limit has room for it from then on.
    pub starts: Timestamp,
    /// The end of the lease, exclusive, by the store's time.
    pub ends: Timestamp,
    /// The requests and leases that count now. Includes this lease.
    pub used: u32,
    /// As in [`Acquired::frees_in`]. If nothing was granted: the time until one token is available. Otherwise: the time
    /// until the oldest stops counting.
    pub frees_in: Duration,
}

/// The requests that a node admitted locally, without the counter, in one second of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAdmissions {
    /// The number of the second, by the node's own count. Identifies the second across reports.
    pub second: i64,
    /// The minimum number of slots since that second ended, when the report was sent.
    pub age: i64,
    /// All requests of that second, whether they were reported before or not.
    pub units: u32,
}

/// Counts admitted requests in windows of 60 seconds, by the store's clock. One admitted request is one token (a
/// "unit").
///
/// The window is kept as one count for each slot of 250 ms. At a time in slot `s`, the counts of the slots from `s -
/// 240` on count. These are 241 slots up to now, which cover every window of 60 seconds that ends now, so no such
/// window ever holds more than the limit.
///
/// If the store's clock is set back, all counts move back with it, as though no time had passed. Every token counts for
/// at least as long as before, and for at most one window from now.
///
/// A lease counts in the last slot in which it may be spent, which may lie in the future, until the node reports in
/// which slots it was spent. So a later look at the window finds each token in the slot where it was spent or in a
/// later one, and nothing is forgotten too early. If a node dies, the tokens that it leased are lost to the key for a
/// minute.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Takes one token for the key if fewer than `limit` count. Atomic.
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired>;

    /// Settles the leases that the node is done with, and grants it another. Atomic.
    ///
    /// Grants as many tokens as will be available within the next [`AHEAD_SLOTS`] (eight) slots, at most as many as
    /// wanted. The lease starts in the first slot in which that many are available. So nodes at the limit receive
    /// leases in turn, and need not ask for each token that becomes free.
    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease>;

    /// Counts the requests that the node admitted locally, even beyond the limit.
    ///
    /// The units of a second are the total of what the node admitted in it, and the counter adds only what it does not
    /// know yet. So a report may arrive twice, late or out of order, and counts once. A second counts in the slot that
    /// lies its age before now. A second that is older than the window does not count.
    async fn report(&self, key: KeyId, node: NodeId, alone: &[LocalAdmissions]) -> StoreResult<()>;

    /// Registers the node for [`NODE_LEASE`](crate::NODE_LEASE), or renews its registration, and returns its place.
    ///
    /// `seen` is the turn of the place that the node uses until it receives the reply; 0 if it has none.
    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace>;

    /// Removes the node from the list.
    async fn delist(&self, node: NodeId) -> StoreResult<()>;
}
