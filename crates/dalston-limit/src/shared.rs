//! The counter that the nodes share: how it is asked, and what a node does without it.

use dalston_model::{NodeId, SharedEntropy};
use dalston_store::LimitStore;
use std::{num::NonZeroU32, sync::Arc};
use thiserror::Error;

/// The counter that the nodes share.
pub struct SharedCounter {
    /// The store that counts.
    pub store: Arc<dyn LimitStore>,
    /// This run of this node.
    pub node: NodeId,
    /// How many nodes share the limits; `None`: as many as register with the counter. The more, the smaller are slices,
    /// and the share of each.
    pub nodes: Option<NonZeroU32>,
    /// How often it is asked.
    pub rates: CounterTiming,
    /// What a node does when it has nothing in hand and the counter does not answer.
    pub outage: OutagePolicy,
}

/// What a node does when it has nothing in hand and the counter does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutagePolicy {
    /// It admits its share, and reports what it admitted when the counter answers again.
    Share,
    /// It admits nothing.
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

/// Whether there is room cannot be told: the counter does not answer, and this node has no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the shared counter of limits does not answer")]
pub struct CounterUnavailable;

/// How often the shared counter is asked.
pub enum CounterTiming {
    /// For each request.
    Shared,
    /// For slices, ahead of need, whose ids are made by this chance.
    Leased(SharedEntropy),
}

/// How the limiter decides at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimiterMode {
    /// In the process: there is one node.
    Local,
    /// By the counter that the nodes share.
    Shared,
    /// By slices of that counter.
    Leased,
    /// By what is in hand and then this node's share, or not at all: the shared counter does not answer, or it does not
    /// know yet what this node admitted alone.
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
