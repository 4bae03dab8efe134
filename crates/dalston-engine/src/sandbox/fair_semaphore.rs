//! A fair semaphore for decoders: limits the number of concurrent decoders, in total and for each holder.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A first-in-first-out semaphore in which one holder may have at most all permits but one.
pub(super) struct DecoderPlaces {
    all: Arc<Semaphore>,
    most: usize,
    holders: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A permit. Dropping it releases it.
pub(super) struct DecoderPlace {
    _of_all: OwnedSemaphorePermit,
    _of_holder: OwnedSemaphorePermit,
}

impl DecoderPlaces {
    /// Creates `count` permits, at least 2.
    pub(super) fn new(count: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(count)), most: count - 1, holders: Mutex::default() }
    }

    /// Waits for a permit for this holder. Never returns `None`: the semaphores are never closed.
    pub(super) async fn take(&self, holder: &str) -> Option<DecoderPlace> {
        let own = {
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            // Remove the holders that neither have nor wait for a permit.
            holders.retain(|_, places| Arc::strong_count(places) > 1);
            holders.entry(holder.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.most))).clone()
        };
        let of_holder = own.acquire_owned().await.ok()?;
        let of_all = self.all.clone().acquire_owned().await.ok()?;
        Some(DecoderPlace { _of_all: of_all, _of_holder: of_holder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::Future, pin::pin, task::Context};

    /// Returns the output of a future that is ready at once, else `None`.
    fn now<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(taken) => taken,
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn one_holder_never_has_all_places_and_what_is_free_again_is_the_next_ones() {
        let places = DecoderPlaces::new(3);
        let [first, second] = [(), ()].map(|()| now(places.take("a")));
        assert!(first.is_some() && second.is_some());
        assert!(now(places.take("a")).is_none(), "all but one");
        let other = now(places.take("b"));
        assert!(other.is_some());
        assert!(now(places.take("c")).is_none(), "three at once");
        drop(first);
        assert!(now(places.take("c")).is_some());
        drop((second, other));
        assert!(now(places.take("d")).is_some());
        assert_eq!(places.holders.lock().unwrap().len(), 1, "nobody is remembered");
    }
}
