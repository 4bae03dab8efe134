//! Whether a client of a stream still lives, and still has something to say.

use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// A client is asked so often whether it still lives, and may be silent twice (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;

/// What is due.
pub(crate) enum Due {
    /// To ask whether the client still lives.
    Ping,
    /// To end: the client has said nothing for too long.
    Idle,
}

/// Whether a client still answers.
pub(crate) struct Alive {
    pings: Interval,
    silent: u8,
    /// How long it may say nothing, and until when.
    idle: Duration,
    until: Instant,
}

impl Alive {
    pub(crate) fn new(idle: Duration) -> Self {
        let mut pings = interval(PING);
        // Those that were missed while a write had to wait do not count against the client.
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pings, silent: 0, idle, until: Instant::now() + idle }
    }

    /// Waits until something is due. While nobody listens to the client, its silence does not count.
    pub(crate) async fn due(&mut self, listens: bool) -> Due {
        if !listens {
            self.until = Instant::now() + self.idle;
        }
        tokio::select! {
            _ = self.pings.tick() => Due::Ping,
            () = sleep_until(self.until), if listens => Due::Idle,
        }
    }

    /// The client was heard. `says`: with a message, which no ping or pong is.
    pub(crate) fn heard(&mut self, says: bool) {
        self.silent = 0;
        if says {
            self.until = Instant::now() + self.idle;
        }
    }

    /// Whether to ask once more. A client to which nobody listens is not silent.
    pub(crate) fn asks(&mut self, listens: bool) -> bool {
        self.silent += u8::from(listens);
        self.silent <= SILENT_PINGS
    }
}
