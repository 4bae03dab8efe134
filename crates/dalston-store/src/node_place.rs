//! The place of a node among those that share a counter, and its share of a limit.

use dalston_model::RateLimit;
use std::{num::NonZeroU32, time::Duration};

/// The lifetime of a node's registration. A node that does not renew it is removed from the list.
///
/// Longer than a window: when the shares of the other nodes grow, nothing that the node admitted locally before it died
/// counts any more.
pub const NODE_LEASE: Duration = Duration::from_secs(66);

/// The place of a node among the registered ones.
///
/// While the counter is unavailable, a node uses the place that it received last. The shares of nodes whose places date
/// from different times still add up to at most the limit. Proof: take the nodes that have a rank, in the order of
/// joining. Each of them uses a list that contains the last of them: otherwise that last one would have no rank. So
/// each of them uses a list that contains all of them. If there are `m` of them, the number of nodes in the list of the
/// `i`-th is therefore `m` or more, and its rank is `i` or more. The share falls as either grows, so it is at most the
/// share of rank `i` among `m`, and these shares add up to the limit. A node that was cut off for longer than
/// [`NODE_LEASE`] is not among them: it can add its share, and no more, to what the others admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePlace {
    /// The number of registered nodes.
    pub nodes: NonZeroU32,
    /// The number of nodes that joined earlier. `None` until each of these has confirmed that it uses a list with this
    /// node. Sending the list to them is not enough, because a reply may be lost. Nodes that joined later received a
    /// list with this node when they joined.
    pub rank: Option<u32>,
    /// Incremented by each registration of any node, from 1 on.
    pub turn: i64,
}

impl NodePlace {
    /// Returns how many requests a minute the node may admit without the counter.
    ///
    /// This is the limit divided by the number of nodes; the remainder goes to the nodes of the lowest ranks, one each.
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
