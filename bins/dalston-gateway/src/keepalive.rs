//! Keepalive of a stream's client: detects clients that have disconnected or are idle.

use std::{pin::Pin, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

/// The interval of pings, and the number of pings that a client may leave unanswered (WS-06).
const PING: Duration = Duration::from_secs(20);
const SILENT_PINGS: u8 = 2;

/// What is due.
pub(crate) enum KeepaliveDue {
    /// Send a ping to check that the client is still connected.
    Ping,
    /// End the session: the client has sent no message for too long.
    Idle,
}

/// The keepalive state of a client.
pub(crate) struct Keepalive {
    pings: Interval,
    silent: u8,
    /// The maximum time without a message, and the timer for it.
    idle: Duration,
    end: Pin<Box<Sleep>>,
}

impl Keepalive {
    pub(crate) fn new(idle: Duration) -> Self {
        let mut pings = interval(PING);
        // Pings that were missed while a write was pending do not count against the client.
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pings, silent: 0, idle, end: Box::pin(sleep(idle)) }
    }

    /// Waits until something is due. While nothing is read from the client (`listens` is false), its silence does not
    /// count.
    pub(crate) async fn due(&mut self, listens: bool) -> KeepaliveDue {
        if !listens {
            self.end.set(sleep(self.idle));
        }
        tokio::select! {
            _ = self.pings.tick() => KeepaliveDue::Ping,
            () = self.end.as_mut(), if listens => KeepaliveDue::Idle,
        }
    }

    /// Records that the client sent something. `says`: it was a message, and not a ping or pong.
    pub(crate) fn heard(&mut self, says: bool) {
        self.silent = 0;
        if says {
            self.end.set(sleep(self.idle));
        }
    }

    /// Whether to send another ping. A client counts as silent only while it is being read from.
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
