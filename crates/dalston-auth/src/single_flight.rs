//! Single-flight for reads of the store: concurrent reads of the same digest share one call.

use dalston_model::KeyDigest;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Minimum number of flights for which a sweep is worth its cost.
const SWEEP_FLOOR: usize = 256;

/// Allows one read of a digest at a time, regardless of the number of waiters (CACHE-03). The others complete it if the
/// waiter that started it is dropped.
pub(crate) struct SingleFlight<T: Clone>(Mutex<JoinedFlight<T>>);

struct JoinedFlight<T: Clone> {
    flights: HashMap<KeyDigest, Flight<T>>,
    sweep_at: usize,
}

struct Flight<T: Clone> {
    read_seq: u64,
    landing: WeakShared<BoxFuture<'static, T>>,
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// Creates a single-flight group without reads.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(JoinedFlight { flights: HashMap::new(), sweep_at: SWEEP_FLOOR }))
    }

    /// Returns the result of a read of `digest` whose turn is at least `since`.
    ///
    /// Joins the read in flight if its turn is not too early. Otherwise starts `read`, whose turn is `read_seq`.
    pub(crate) async fn join(
        &self,
        digest: KeyDigest,
        since: u64,
        read_seq: u64,
        read: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> T {
        let landing = self.join_or_start(digest, since, read_seq, read);
        let landed = landing.clone().await;
        let mut under_way = self.under_way();
        let is_this = |flight: &Flight<T>| flight.landing.upgrade().is_none_or(|other| other.ptr_eq(&landing));
        if under_way.flights.get(&digest).is_some_and(is_this) {
            under_way.flights.remove(&digest);
        }
        landed
    }

    fn join_or_start(
        &self,
        digest: KeyDigest,
        since: u64,
        read_seq: u64,
        read: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> Shared<BoxFuture<'static, T>> {
        let mut under_way = self.under_way();
        let flight = under_way.flights.get(&digest).filter(|flight| flight.read_seq >= since);
        if let Some(landing) = flight.and_then(|flight| flight.landing.upgrade()) {
            return landing;
        }
        let landing = read().shared();
        if let Some(weak) = landing.downgrade() {
            under_way.flights.insert(digest, Flight { read_seq, landing: weak });
        }
        // Removes the reads that all waiters have abandoned.
        if under_way.flights.len() >= under_way.sweep_at {
            under_way.flights.retain(|_, flight| flight.landing.upgrade().is_some());
            under_way.sweep_at = under_way.flights.len().saturating_mul(2).max(SWEEP_FLOOR);
        }
        landing
    }

    fn under_way(&self) -> MutexGuard<'_, JoinedFlight<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::pending,
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
        task::{Context, Poll, Waker},
    };

    fn digest(byte: u8) -> KeyDigest {
        KeyDigest::new([byte; 32])
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_read_under_way_is_joined_unless_it_began_too_early() {
        let (single_flight, reads) = (SingleFlight::new(), AtomicU32::new(0));
        let read = || {
            reads.fetch_add(1, Ordering::SeqCst);
            pending::<u8>().boxed()
        };
        let mut waiting = Vec::new();
        for (since, read_seq) in [(1, 1), (1, 2), (0, 3), (4, 4), (0, 5)] {
            let mut join = Box::pin(single_flight.join(digest(1), since, read_seq, read));
            assert!(poll(join.as_mut()).is_pending());
            waiting.push(join);
        }
        assert_eq!(reads.load(Ordering::SeqCst), 2, "one at 1, and one at 4");
    }

    #[test]
    fn whoever_began_it_may_go_and_nothing_is_left_behind() {
        let single_flight = SingleFlight::new();
        let mut polls = 0;
        let read = move || {
            let future = std::future::poll_fn(move |_| {
                polls += 1;
                if polls <= 2 { Poll::Pending } else { Poll::Ready(7) }
            });
            future.boxed()
        };
        let mut first = Box::pin(single_flight.join(digest(1), 0, 1, read));
        assert!(poll(first.as_mut()).is_pending());
        let mut second = pin!(single_flight.join(digest(1), 0, 2, || pending().boxed()));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(poll(second.as_mut()), Poll::Ready(7));
        assert!(single_flight.under_way().flights.is_empty());
        for byte in 0..=255 {
            for other in 0..4 {
                let mut bytes = [byte; 32];
                bytes[0] = other;
                let left = single_flight.join(KeyDigest::new(bytes), 0, 1, || pending().boxed());
                assert!(poll(pin!(left)).is_pending());
            }
        }
        assert!(single_flight.under_way().flights.len() <= SWEEP_FLOOR, "those that were left are swept");
    }
}
