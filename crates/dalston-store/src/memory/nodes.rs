//! The nodes that share a counter in memory.

use crate::{NODE_LEASE, NodePlace};
use dalston_model::{NodeId, Timestamp};
use std::num::NonZeroU32;

/// The nodes, in the order of joining.
#[derive(Default)]
pub(super) struct NodeList {
    turn: i64,
    nodes: Vec<ListedNode>,
}

struct ListedNode {
    node: NodeId,
    /// `joined` is the turn in which the node joined, `turn` the one in which it last registered, and `seen` the turn
    /// of the list that it uses.
    joined: i64,
    turn: i64,
    seen: i64,
    at: Timestamp,
}

impl NodeList {
    pub(super) fn enlist(&mut self, node: NodeId, seen: i64, now: Timestamp) -> NodePlace {
        for other in &mut self.nodes {
            // The clock may have been set back.
            other.at = other.at.min(now);
        }
        self.nodes.retain(|other| now.since(other.at) <= NODE_LEASE);
        self.turn += 1;
        let turn = self.turn;
        let rank = if let Some(rank) = self.nodes.iter().position(|other| other.node == node) {
            let own = &mut self.nodes[rank];
            own.seen = seen.min(own.turn);
            rank
        } else {
            // The node was not on the list that it saw.
            self.nodes.push(ListedNode { node, joined: turn, turn, seen: 0, at: now });
            self.nodes.len() - 1
        };
        let own = &mut self.nodes[rank];
        (own.turn, own.at) = (turn, now);
        let joined = own.joined;
        let is_known = self.nodes.iter().take(rank).all(|earlier| earlier.seen >= joined);
        let nodes = u32::try_from(self.nodes.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        NodePlace { nodes, rank: u32::try_from(rank).ok().filter(|_| is_known), turn }
    }

    pub(super) fn delist(&mut self, node: NodeId) {
        self.nodes.retain(|other| other.node != node);
    }
}
