//! Connection epochs: which connections to a server may still be used.

use dalston_model::SharedClock;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// The epochs of one store's connections, for engines that reach a server over the network.
///
/// A connection belongs to the epoch in which it was opened. An epoch ends at any sign that its connections may not
/// lead to the primary: the server refuses writes, shuts down or does not answer, or the address now leads to another
/// server. No connection is used after its epoch has ended.
pub struct Epochs {
    clock: SharedClock,
    present: watch::Sender<u64>,
    server: Mutex<Option<KnownServer>>,
    ailing: AtomicBool,
}

/// The server to which the address last led.
#[derive(Debug)]
struct KnownServer {
    identity: String,
    /// When the connection that reported this identity was opened, by [`dalston_model::Clock::monotonic`].
    seen: Duration,
}

impl Epochs {
    /// Starts the first epoch. `clock` measures how long ago the address was last checked.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, present: watch::Sender::default(), server: Mutex::default(), ailing: AtomicBool::default() }
    }

    /// Returns the time by the clock of these epochs.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Returns the present epoch, to which a connection opened now belongs. Read it before opening the connection.
    pub fn present(&self) -> u64 {
        *self.present.borrow()
    }

    /// Ends the epoch of a connection that showed a sign of failure. Also marks the server as ailing.
    ///
    /// Does nothing to the epoch if the connection belongs to an older one: the connections opened since are not in
    /// doubt.
    pub fn end(&self, epoch: u64) {
        self.ailing.store(true, Ordering::Release);
        self.present.send_if_modified(|present| {
            let ends = *present == epoch;
            *present += u64::from(ends);
            ends
        });
    }

    /// Waits until the epoch has ended.
    pub async fn ended(&self, epoch: u64) {
        // This cannot fail: `self` holds the sender.
        let _ = self.present.subscribe().wait_for(|present| *present != epoch).await;
    }

    /// Records which server a new connection leads to, and returns the epoch of that connection.
    ///
    /// The connection belongs to `epoch` and was opened at `seen` of [`Epochs::now`]. The identity is unique to a
    /// server and changes when the server restarts. If the previous connection led to another server, the present epoch
    /// ends and the new one is returned. If the returned epoch is not the present one, another connection has ended it
    /// meanwhile, and this connection is too old to use.
    pub fn record_server(&self, server: &str, epoch: u64, seen: Duration) -> u64 {
        let mut known = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if self.present() != epoch {
            return epoch;
        }
        let (same, seen) =
            known.as_ref().map_or((true, seen), |known| (known.identity == server, known.seen.max(seen)));
        if !same {
            self.end(epoch);
        }
        *known = Some(KnownServer { identity: server.to_owned(), seen });
        self.present()
    }

    /// Returns how long ago the address was last seen to lead to the server of the present epoch. Zero if no server has
    /// reported its identity yet.
    ///
    /// Read it before taking a connection: data read on that connection is then no staler than this age.
    pub fn doubt(&self) -> Duration {
        let known = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|server| self.now().saturating_sub(server.seen)).unwrap_or_default()
    }

    /// Records that a call failed: it is unknown whether the server still accepts writes.
    pub fn record_failure(&self) {
        self.ailing.store(true, Ordering::Release);
    }

    /// Returns whether a call failed since the server was last proved to accept writes.
    pub fn has_failed(&self) -> bool {
        self.ailing.load(Ordering::Acquire)
    }

    /// Records that the server accepted a write.
    pub fn record_write(&self) {
        self.ailing.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{ManualClock, Timestamp};
    use std::sync::Arc;

    fn epochs() -> (Epochs, Arc<ManualClock>) {
        let clock = ManualClock::new(Timestamp::from_secs(0));
        (Epochs::new(clock.clone()), clock)
    }

    #[test]
    fn a_sign_of_an_older_connection_ends_nothing() {
        let (epochs, _) = epochs();
        let first = epochs.present();
        epochs.end(first);
        let second = epochs.present();
        assert_ne!(first, second);
        epochs.end(first);
        assert_eq!(epochs.present(), second);
    }

    #[test]
    fn another_server_behind_the_address_ends_the_epoch_and_begins_one() {
        let (epochs, now) = (epochs().0, Duration::ZERO);
        let first = epochs.present();
        for _ in 0..2 {
            assert_eq!(epochs.record_server("one", first, now), first);
        }
        let second = epochs.record_server("two", first, now);
        assert_eq!(epochs.present(), second);
        assert_ne!(first, second);
        assert_eq!(epochs.record_server("two", second, now), second);
        assert_eq!(epochs.record_server("one", first, now), first, "it was begun before the other was found");
        assert_eq!(epochs.present(), second);
        let third = epochs.record_server("one", second, now);
        assert_eq!((epochs.present(), epochs.record_server("one", third, now)), (third, third));
    }

    #[test]
    fn the_address_is_in_doubt_for_as_long_as_it_was_not_looked_at() {
        const HOUR: Duration = Duration::from_hours(1);
        let (epochs, clock) = epochs();
        assert_eq!(epochs.doubt(), Duration::ZERO, "nobody has said anything");
        let first = epochs.present();
        let [early, middle, late] = [0, 1, 2].map(|hours| HOUR * hours);
        clock.advance(late + HOUR);
        epochs.record_server("one", first, early);
        assert_eq!(epochs.doubt(), 3 * HOUR, "it may have moved since the connection was begun");
        epochs.record_server("one", first, late);
        epochs.record_server("one", first, middle);
        assert_eq!(epochs.doubt(), HOUR, "one that comes late takes nothing back");
        epochs.end(first);
        assert_eq!(epochs.record_server("two", first, epochs.now()), first, "it is too old to say anything");
        assert_eq!(epochs.doubt(), HOUR);
        epochs.record_server("two", epochs.present(), epochs.now());
        assert_eq!(epochs.doubt(), Duration::ZERO);
        clock.advance(HOUR);
        assert_eq!(epochs.doubt(), HOUR);
    }

    #[tokio::test]
    async fn who_waits_for_the_end_of_an_epoch_hears_of_it() {
        let (epochs, _) = epochs();
        let epoch = epochs.present();
        assert!(!epochs.has_failed());
        tokio::join!(epochs.ended(epoch), async { epochs.end(epoch) });
        epochs.ended(epoch).await;
        assert!(epochs.has_failed());
        epochs.record_write();
        assert!(!epochs.has_failed());
    }
}
