//! Whether a client of a stream still lives, and still has something to say.

use std::{pin::Pin, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

/// A client is asked so often whether it still lives, and may be silent twice (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;

/// What is due.
pub(crate) enum KeepaliveDue {
    /// To ask whether the client still lives.
    Ping,
    /// To end: the client has said nothing for too long.
    Idle,
}

/// Whether a client still answers.
pub(crate) struct Keepalive {
    pings: Interval,
    silent: u8,
    /// How long it may say nothing, and when that is over.
    idle: Duration,
    end: Pin<Box<Sleep>>,
}

impl Keepalive {
    pub(crate) fn new(idle: Duration) -> Self {
        let mut pings = interval(PING);
        // Those that were missed while a write had to wait do not count against the client.
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pings, silent: 0, idle, end: Box::pin(sleep(idle)) }
    }

    /// Waits until something is due. While nobody listens to the client, its silence does not count.
    pub(crate) async fn due(&mut self, listens: bool) -> KeepaliveDue {
        if !listens {
            self.end.set(sleep(self.idle));
        }
        tokio::select! {
            _ = self.pings.tick() => KeepaliveDue::Ping,
            () = self.end.as_mut(), if listens => KeepaliveDue::Idle,
        }
    }

    /// The client was heard. `says`: with a message, which no ping or pong is.
    pub(crate) fn heard(&mut self, says: bool) {
        self.silent = 0;
        if says {
            self.end.set(sleep(self.idle));
        }
    }

    /// Whether to ask once more. A client to which nobody listens is not silent.
    pub(crate) fn asks(&mut self, listens: bool) -> bool {
        self.silent += u8::from(listens);
        self.silent <= SILENT_PINGS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_is_asked_twice_and_whoever_answers_is_asked_again() {
        let mut alive = Keepalive::new(Duration::from_hours(1));
        for _ in 0..3 {
            assert!(alive.asks(true) && alive.asks(true));
            alive.heard(false);
        }
        assert!(alive.asks(true) && alive.asks(true));
        assert!(alive.asks(false) && alive.asks(false), "nobody listens");
        assert!(!alive.asks(true));
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_idle_and_one_that_nobody_hears_is_not() {
        let mut alive = Keepalive::new(Duration::from_millis(1));
        assert!(matches!(alive.due(false).await, KeepaliveDue::Ping), "the first one is due at once");
        assert!(matches!(alive.due(true).await, KeepaliveDue::Idle));
        assert!(matches!(alive.due(true).await, KeepaliveDue::Idle), "it has still said nothing");
        (alive.idle, alive.pings) = (Duration::from_hours(1), interval(Duration::from_millis(1)));
        alive.heard(true);
        for _ in 0..5 {
            assert!(matches!(alive.due(true).await, KeepaliveDue::Ping), "it has said something");
        }
    }
}
