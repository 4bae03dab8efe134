//! Single-flight: concurrent callers with the same key share one request.

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The requests in flight, by key.
pub(crate) struct SharedRequests<K, T: Clone>(Arc<Mutex<RequestUnderWay<K, T>>>);

struct RequestUnderWay<K, T: Clone> {
    flights: HashMap<K, (u64, WeakShared<BoxFuture<'static, T>>)>,
    number: u64,
}

impl<K: Eq + Hash + Copy + Send + 'static, T: Clone + Send + Sync + 'static> SharedRequests<K, T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(RequestUnderWay { flights: HashMap::new(), number: 0 })))
    }

    /// Returns the result of the request for `key`: joins the one in flight, or starts one with `start`. The request
    /// runs as long as at least one caller waits for it.
    pub(crate) async fn join(&self, key: K, start: impl FnOnce() -> BoxFuture<'static, T>) -> T {
        self.flight(key, start).await
    }

    fn flight(&self, key: K, start: impl FnOnce() -> BoxFuture<'static, T>) -> Shared<BoxFuture<'static, T>> {
        let mut under_way = lock(&self.0);
        if let Some(flight) = under_way.flights.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        under_way.number += 1;
        let number = under_way.number;
        let (landing, request) = (Landing { flights: self.0.clone(), key, number }, start());
        let flight = async move {
            // Dropped with the future, so the entry goes also when no caller waits any more.
            let _landing = landing;
            request.await
        };
        let flight = flight.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            under_way.flights.insert(key, (number, weak));
        }
        flight
    }

    /// The number of requests in flight.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).flights.len()
    }
}

/// Removes the request from the table when dropped.
struct Landing<K: Eq + Hash, T: Clone> {
    flights: Arc<Mutex<RequestUnderWay<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T: Clone> Drop for Landing<K, T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.flights);
        // A newer request may have replaced this one.
        if under_way.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            under_way.flights.remove(&self.key);
        }
    }
}

fn lock<K, T: Clone>(flights: &Mutex<RequestUnderWay<K, T>>) -> MutexGuard<'_, RequestUnderWay<K, T>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::{pending, poll_fn},
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
        task::{Context, Poll, Waker},
    };

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn callers_of_one_key_share_a_request_and_others_do_not() {
        let (flights, requests) = (SharedRequests::<u8, u8>::new(), AtomicU32::new(0));
        let start = || {
            requests.fetch_add(1, Ordering::SeqCst);
            pending().boxed()
        };
        let mut waiting: Vec<_> = [1, 1, 2, 1].into_iter().map(|key| Box::pin(flights.join(key, start))).collect();
        for join in &mut waiting {
            assert!(poll(join.as_mut()).is_pending());
        }
        assert_eq!((requests.load(Ordering::SeqCst), flights.len()), (2, 2));
        drop(waiting);
        assert_eq!(flights.len(), 0, "those that everybody left are gone");
    }

    #[test]
    fn whoever_began_a_request_may_leave_it_to_the_others() {
        let flights = SharedRequests::<u8, u8>::new();
        let mut polls = 0;
        let twice = move || {
            let request = poll_fn(move |_| {
                polls += 1;
                if polls < 3 { Poll::Pending } else { Poll::Ready(7) }
            });
            request.boxed()
        };
        let mut first = Box::pin(flights.join(1, twice));
        assert!(poll(first.as_mut()).is_pending());
        let mut second = pin!(flights.join(1, || pending().boxed()));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(poll(second.as_mut()), Poll::Ready(7));
        assert_eq!(flights.len(), 0);
    }
}
