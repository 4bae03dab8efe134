//! The settings of what clients may hold: connections, and streams that say nothing.

use crate::reader::Reader;
use std::{num::NonZeroUsize, time::Duration};

/// What clients may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// Connections of all clients together.
    pub connections: NonZeroUsize,
    /// Connections of one address.
    pub connections_per_address: NonZeroUsize,
    /// How long a stream may be open without a message of its client.
    pub stream_idle: Duration,
}

impl Reader<'_> {
    /// What clients may hold; `None` when something is wrong with it, which is noted.
    pub(crate) fn clients(&mut self) -> Option<Clients> {
        let number = "must be a number from 1 on";
        let connections = self.read("DALSTON_CONNECTIONS", number, |text| text.parse().ok());
        let connections_per_address = self.read("DALSTON_CONNECTIONS_PER_ADDRESS", number, |text| text.parse().ok());
        let stream_idle = self.read("DALSTON_STREAM_IDLE_SECONDS", "must be seconds from 1 to 86400", |text| {
            text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds)).map(Duration::from_secs)
        });
        Some(Clients {
            connections: connections?,
            connections_per_address: connections_per_address?,
            stream_idle: stream_idle?,
        })
    }
}
