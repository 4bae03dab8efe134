//! The place of a node among those that share a counter, and its share of a limit.

use dalston_model::RateLimit;
use std::{num::NonZeroU32, time::Duration};

/// A node that has not registered again for so long is off the list. Longer than a window: what it admitted alone
/// before it died does not count any more when the shares of the others grow.
pub const NODE_LEASE: Duration = Duration::from_secs(66);

/// The place of a node among those on the list.
///
/// While the counter does not answer, a node goes by the place that it was given last. The shares of nodes whose places
/// date from different moments add up to the limit at most all the same. Take the nodes that have a rank, in the order
/// of joining. Each of them goes by a list on which the last of them stands, or that one had no rank; so it goes by a list
/// on which all of them stand. The number of nodes that the `i`-th goes by is therefore `m` or more, if there are `m` of
/// them, and its rank is `i` or more. The share falls as either grows, so it is at most that of rank `i` among `m`, and
/// these add up to the limit. A node that was cut off for longer than [`NODE_LEASE`] is not among them: it may add its
/// share, and no more, to what the others admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePlace {
    /// How many nodes there are.
    pub nodes: NonZeroU32,
    /// How many of them joined before. `None` until each of these has said that it goes by a list with this one: whether
    /// it was told does not count, as an answer may be lost. Those that joined later were told of it as they joined.
    pub rank: Option<u32>,
    /// Goes up with each registration of any node, from 1 on.
    pub turn: i64,
}

impl NodePlace {
    /// How many requests a minute the node may admit without the counter: the limit over the number of nodes, where the
    /// first ones get one more until nothing remains.
    pub fn share(self, limit: RateLimit) -> u32 {
        let Some(rank) = self.rank.filter(|rank| *rank < self.nodes.get()) else { return 0 };
        limit.get().saturating_sub(rank).div_ceil(self.nodes.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_nodes_are_the_limit() {
        for nodes in 1..=9 {
            for limit in [1, 2, 7, 40, 1_000_000] {
                let nodes = NonZeroU32::new(nodes).unwrap();
                let share = |rank| NodePlace { nodes, rank: Some(rank), turn: 1 }.share(RateLimit::new(limit).unwrap());
                assert_eq!((0..nodes.get()).map(share).sum::<u32>(), limit);
                assert_eq!(share(nodes.get()), 0, "more nodes than were declared");
            }
        }
    }
}
