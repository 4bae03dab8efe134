//! The settings of clients: what they may hold, and how long they are waited for.

use crate::reader::Reader;
use std::{num::NonZeroUsize, time::Duration};

/// What clients may hold, and how long they are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// Connections of all clients together.
    pub connections: NonZeroUsize,
    /// Connections of one address.
    pub connections_per_address: NonZeroUsize,
    /// How long a stream may be open without a message of its client.
    pub stream_idle: Duration,
    /// How long a connection is kept that rests between two requests.
    pub keep_alive: Duration,
    /// How long a gateway that was asked to stop still serves, while it says that it is not ready; `None`: not set.
    pub drain: Option<Duration>,
}

impl Reader<'_> {
    /// What clients may hold; `None` when something is wrong with it, which is noted.
    pub(crate) fn clients(&mut self) -> Option<Clients> {
        let number = "must be a number from 1 on";
        let connections = self.read("DALSTON_CONNECTIONS", number, |text| text.parse().ok());
        let connections_per_address = self.read("DALSTON_CONNECTIONS_PER_ADDRESS", number, |text| text.parse().ok());
        let idle = "must be seconds from 1 to 86400";
        let stream_idle = self.read("DALSTON_STREAM_IDLE_SECONDS", idle, seconds(1, 86_400));
        let keep_alive = self.read("DALSTON_KEEP_ALIVE", "must be seconds from 1 to 3600", seconds(1, 3_600));
        let drain = self.given("DALSTON_DRAIN_SECONDS", "must be seconds from 0 to 3600", seconds(0, 3_600));
        Some(Clients {
            connections: connections?,
            connections_per_address: connections_per_address?,
            stream_idle: stream_idle?,
            keep_alive: keep_alive?,
            drain,
        })
    }
}

/// Reads whole seconds within these bounds.
fn seconds(least: u64, most: u64) -> impl Fn(&str) -> Option<Duration> {
    move |text| text.parse().ok().filter(|seconds| (least..=most).contains(seconds)).map(Duration::from_secs)
}
