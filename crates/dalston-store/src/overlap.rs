//! Overlap: how long the previous secret stays valid after a rotation.

use dalston_model::Timestamp;
use std::time::Duration;

/// How long the current secret stays valid after a rotation, and what the rotation may do to an earlier overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The length of the overlap, by the store's clock. Zero: the secret expires at once.
    pub length: Duration,
    /// Whether the rotation ends an overlap that is still running. If it is not set, a running overlap forbids the
    /// rotation: the secret that it keeps valid may be the one in use, for example if the reply to the first rotation
    /// was lost.
    pub end_running: bool,
}

impl Overlap {
    /// No overlap: the previous secret expires at once. Does not end a running overlap.
    pub const fn none() -> Self {
        Self { length: Duration::ZERO, end_running: false }
    }

    /// Returns the end of the running overlap that forbids this rotation, if there is one.
    ///
    /// `until` is when the secret before the current one expires.
    pub fn conflict(&self, until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        until.filter(|until| !self.end_running && *until > now)
    }
}
