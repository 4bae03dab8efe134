//! Settings of the shared counter: how often a node calls it, and what the node does during its outage.

use dalston_model::{NodeId, SharedEntropy};
use dalston_store::LimitStore;
use std::{num::NonZeroU32, sync::Arc};
use thiserror::Error;

/// The counter that the nodes share.
pub struct SharedCounter {
    /// The store that counts.
    pub store: Arc<dyn LimitStore>,
    /// The id of this node, new for each run.
    pub node: NodeId,
    /// The number of nodes that share the limits; `None` if it is the number of nodes registered with the counter. The
    /// more nodes, the smaller are the leases and the share of each.
    pub nodes: Option<NonZeroU32>,
    /// How often the counter is called.
    pub rates: CounterTiming,
    /// The policy for when no leased token is left and the counter does not answer.
    pub outage: OutagePolicy,
}

/// The policy for when no leased token is left and the counter does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutagePolicy {
    /// The node admits its share of the limit, and reports these requests when the counter answers again.
    Share,
    /// The node admits nothing.
    Strict,
}

impl OutagePolicy {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Strict => "strict",
        }
    }
}

/// The limit cannot be checked: the counter does not answer, and this node has no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the shared counter of limits does not answer")]
pub struct CounterUnavailable;

/// How often the shared counter is called.
pub enum CounterTiming {
    /// For each request.
    Shared,
    /// For leases, ahead of need. This source of randomness generates the ids of the leases.
    Leased(SharedEntropy),
}

/// How the limiter decides at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimiterMode {
    /// In the process: there is only one node.
    Local,
    /// By a call of the shared counter for each request.
    Shared,
    /// By leases from the shared counter.
    Leased,
    /// By leased tokens and then this node's share, or not at all: the shared counter does not answer, or has not yet
    /// received the report of this node's local admissions.
    Degraded,
}

impl LimiterMode {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
            Self::Leased => "leased",
            Self::Degraded => "degraded",
        }
    }
}
