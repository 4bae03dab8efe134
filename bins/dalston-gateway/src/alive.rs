//! Whether a client of a stream still lives.

use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A client is asked so often whether it still lives, and may be silent twice (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;

/// Whether a client still answers.
pub(crate) struct Alive {
    pings: Interval,
    silent: u8,
}

impl Alive {
    pub(crate) fn new() -> Self {
        let mut pings = interval(PING);
        // Those that were missed while a write had to wait do not count against the client.
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pings, silent: 0 }
    }

    /// Waits until it is time to ask.
    pub(crate) async fn tick(&mut self) {
        self.pings.tick().await;
    }

    /// The client was heard.
    pub(crate) const fn heard(&mut self) {
        self.silent = 0;
    }

    /// Whether to ask once more. A client to which nobody listens is not silent.
    pub(crate) fn asks(&mut self, listens: bool) -> bool {
        self.silent += u8::from(listens);
        self.silent <= SILENT_PINGS
    }
}
