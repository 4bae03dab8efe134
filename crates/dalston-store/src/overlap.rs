//! Overlap: how long the secret before a rotation stays valid.

use dalston_model::Timestamp;
use std::time::Duration;

/// How long the current secret stays valid after a rotation, and what the rotation may do to an earlier overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// How long, by the store's clock. Zero: the secret ends at once.
    pub length: Duration,
    /// Whether the rotation ends an overlap that is still running. Without it such an overlap forbids the rotation:
    /// the secret that it keeps valid may be the one in use, for example when the answer to the first rotation was lost.
    pub end_running: bool,
}

impl Overlap {
    /// None: the secret before the rotation ends at once.
    pub const fn none() -> Self {
        Self { length: Duration::ZERO, end_running: false }
    }

    /// The end of the overlap that forbids this rotation. `until` is when the secret before the current one ends.
    pub fn conflict(&self, until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        until.filter(|until| !self.end_running && *until > now)
    }
}
