//! This node's place among the nodes that share the counter, as last received from it.

use dalston_model::RateLimit;
use dalston_store::NodePlace;
use std::{
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Interval between registrations.
const RENEWAL: Duration = Duration::from_secs(1);

/// The place that the counter returned last. It remains valid while the counter does not answer.
pub(crate) struct KnownPlace {
    /// The number of nodes from the settings; `None` if it is discovered from registrations.
    declared: Option<NonZeroU32>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    place: Option<NodePlace>,
    next: Duration,
}

impl KnownPlace {
    pub(crate) fn new(declared: Option<NonZeroU32>) -> Self {
        Self { declared, known: Mutex::default() }
    }

    /// The number of nodes; `None` until this node has its rank among them.
    pub(crate) fn nodes(&self) -> Option<NonZeroU32> {
        self.declared.or_else(|| self.known().place.filter(|place| place.rank.is_some()).map(|place| place.nodes))
    }

    /// The `turn` of the last place; 0 if there is none.
    pub(crate) fn turn(&self) -> i64 {
        self.known().place.map_or(0, |place| place.turn)
    }

    /// Whether it is time to register.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.known().next <= now
    }

    /// Stores the place that the counter returned. A reply older than the one already stored is ignored.
    pub(crate) fn placed(&self, place: NodePlace, now: Duration) {
        let mut known = self.known();
        known.next = now.saturating_add(RENEWAL);
        if known.place.is_none_or(|before| before.turn < place.turn) {
            known.place = Some(place);
        }
    }

    /// The number of requests per minute that this node may admit locally. Without a rank, it is the minimum that every
    /// node has: the limit divided by the declared number of nodes, or 0.
    pub(crate) fn share(&self, limit: RateLimit) -> u32 {
        match (self.declared, self.known().place) {
            (None, Some(place)) => place.share(limit),
            (Some(nodes), Some(place)) if place.rank.is_some() => NodePlace { nodes, ..place }.share(limit),
            (Some(nodes), _) => limit.get().div_euclid(nodes.get()),
            (None, None) => 0,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_number_of_nodes_is_what_counts() {
        let (two, three) = (NonZeroU32::new(2).unwrap(), NonZeroU32::new(3).unwrap());
        let limit = RateLimit::new(7).unwrap();
        let place = |rank, turn| NodePlace { nodes: three, rank, turn };
        let (declared, found) = (KnownPlace::new(Some(two)), KnownPlace::new(None));
        assert_eq!((declared.share(limit), found.share(limit)), (3, 0), "neither knows its place");
        for (rank, shares) in [(Some(0), (4, 3)), (Some(1), (3, 2)), (Some(2), (0, 2)), (None, (3, 0))] {
            let turn = declared.turn() + 1;
            for standing in [&declared, &found] {
                standing.placed(place(rank, turn), Duration::ZERO);
                standing.placed(place(Some(0), turn - 1), Duration::ZERO);
            }
            assert_eq!((declared.share(limit), found.share(limit)), shares, "{rank:?}");
        }
        assert_eq!((declared.nodes(), found.nodes()), (Some(two), None));
    }
}
