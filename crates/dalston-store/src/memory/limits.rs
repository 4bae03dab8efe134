//! The rate-limit counter in memory: the reference for all others, and the counter of simulations.
//!
//! Nodes do not share it: a deployment with the memory engine has only one node.

use super::nodes::NodeList;
use crate::{
    AHEAD_SLOTS, Acquired, GrantedLease, LEASE_SLOTS, LeaseRequest, LimitStore, LocalAdmissions, NodePlace,
    StoreResult, WINDOW_SLOTS, slot, slot_start,
};
use async_trait::async_trait;
use dalston_model::{KeyId, LeaseId, NodeId, RateLimit, SharedClock, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The windows of all keys, in memory, by a clock.
pub struct MemoryCounter {
    clock: SharedClock,
    minutes: Mutex<HashMap<KeyId, MinuteCount>>,
    nodes: Mutex<NodeList>,
}

impl MemoryCounter {
    /// Creates a counter without any key.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, minutes: Mutex::default(), nodes: Mutex::default() }
    }

    fn with<R>(&self, key: KeyId, work: impl FnOnce(&mut MinuteCount, Timestamp) -> R) -> R {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        work(minutes.entry(key).or_default(), now)
    }
}

#[async_trait]
impl LimitStore for MemoryCounter {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        Ok(self.with(key, |minute, now| minute.take(now, limit)))
    }

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease> {
        Ok(self.with(key, |minute, now| minute.lease(now, request)))
    }

    async fn report(&self, key: KeyId, node: NodeId, alone: &[LocalAdmissions]) -> StoreResult<()> {
        self.with(key, |minute, now| minute.report(now, node, alone));
        Ok(())
    }

    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace> {
        let mut roll = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(roll.enlist(node, seen, self.clock.now()))
    }

    async fn delist(&self, node: NodeId) -> StoreResult<()> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).delist(node);
        Ok(())
    }
}

/// The window of one key.
struct MinuteCount {
    newest: i64,
    /// The counts by slot. A lease counts in its last slot.
    counts: BTreeMap<i64, u32>,
    /// The leases that are not settled yet: the last slot and the tokens of each.
    lent: HashMap<LeaseId, (i64, u32)>,
    /// What nodes reported for each of their seconds: the slot in which it counts, and the tokens.
    alone: HashMap<(NodeId, i64), (i64, u32)>,
}

impl Default for MinuteCount {
    fn default() -> Self {
        Self { newest: i64::MIN, counts: BTreeMap::new(), lent: HashMap::new(), alone: HashMap::new() }
    }
}

impl MinuteCount {
    fn take(&mut self, now: Timestamp, limit: RateLimit) -> Acquired {
        let current = self.trim(now);
        let used = self.used(current);
        if used >= limit.get() {
            return Acquired { admitted: false, used, frees_in: self.frees_in(now, limit.get() - 1) };
        }
        *self.counts.entry(current).or_default() += 1;
        Acquired { admitted: true, used: used + 1, frees_in: self.frees_in(now, used) }
    }

    fn lease(&mut self, now: Timestamp, request: &LeaseRequest) -> GrantedLease {
        let current = self.trim(now);
        self.settle(request);
        let (limit, used) = (request.limit.get(), self.used(current));
        let room = |minute: &Self, slot: i64| limit.saturating_sub(minute.used(slot));
        let units = request.want.min(room(self, current + AHEAD_SLOTS));
        let first = (current..=current + AHEAD_SLOTS).find(|slot| room(self, *slot) >= units).unwrap_or(current);
        let last = first.saturating_add_unsigned(LEASE_SLOTS as u64 - 1);
        if units > 0 {
            *self.counts.entry(last).or_default() += units;
            self.lent.insert(request.id, (last, units));
        }
        let keep = if units > 0 { used.saturating_add(units) - 1 } else { limit - 1 };
        GrantedLease {
            units,
            now,
            starts: slot_start(first).max(now),
            ends: slot_start(last + 1),
            used: used.saturating_add(units),
            frees_in: self.frees_in(now, keep),
        }
    }

    fn settle(&mut self, request: &LeaseRequest) {
        self.give_back(request.id);
        for closed in &request.closed {
            let Some(last) = self.give_back(closed.id) else { continue };
            for (slot, units) in closed.slots() {
                *self.counts.entry(slot.min(last)).or_default() += units;
            }
        }
        self.counts.retain(|_, count| *count > 0);
    }

    fn report(&mut self, now: Timestamp, node: NodeId, alone: &[LocalAdmissions]) {
        let current = self.trim(now);
        for LocalAdmissions { second, age, units } in alone.iter().filter(|second| second.age <= WINDOW_SLOTS) {
            let slot = current - age;
            let known = self.alone.entry((node, *second)).or_insert((slot, 0));
            *self.counts.entry(slot).or_default() += units.saturating_sub(known.1);
            *known = (slot.max(known.0), known.1.max(*units));
        }
        self.counts.retain(|_, count| *count > 0);
    }

    /// Removes the whole lease from its last slot, if it is not settled yet. Returns that slot.
    fn give_back(&mut self, id: LeaseId) -> Option<i64> {
        let (last, units) = self.lent.remove(&id)?;
        let count = self.counts.entry(last).or_default();
        *count = count.saturating_sub(units);
        Some(last)
    }

    /// Returns the current slot. Forgets what no longer counts in it.
    fn trim(&mut self, now: Timestamp) -> i64 {
        let current = slot(now);
        if current < self.newest {
            self.set_back(self.newest - current);
        }
        self.newest = current;
        let first = current - WINDOW_SLOTS;
        self.counts = self.counts.split_off(&first);
        self.lent.retain(|_, (last, _)| *last >= first);
        self.alone.retain(|_, (slot, _)| *slot >= first);
        current
    }

    /// Moves everything back by `by` slots, after the clock was set back.
    fn set_back(&mut self, by: i64) {
        self.counts = std::mem::take(&mut self.counts).into_iter().map(|(slot, count)| (slot - by, count)).collect();
        self.lent.values_mut().for_each(|(last, _)| *last -= by);
        self.alone.values_mut().for_each(|(slot, _)| *slot -= by);
    }

    /// The tokens that count in the slot, as far as known now.
    fn used(&self, slot: i64) -> u32 {
        self.counts.range(slot - WINDOW_SLOTS..).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The time from `now` until at most `keep` tokens count.
    fn frees_in(&self, now: Timestamp, keep: u32) -> Duration {
        let mut left = self.used(i64::MIN / 2);
        for (slot, count) in &self.counts {
            left = left.saturating_sub(*count);
            if left <= keep {
                return slot_start(slot + WINDOW_SLOTS + 1).since(now);
            }
        }
        Duration::ZERO
    }
}
