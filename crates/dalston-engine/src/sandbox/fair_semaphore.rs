//! Who may decode now: a few at once, and never one holder alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places that are taken in the order of asking, all but one of them at most by one holder.
pub(super) struct DecoderPlaces {
    all: Arc<Semaphore>,
    most: usize,
    holders: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place, free again when this is dropped.
pub(super) struct DecoderPlace {
    _of_all: OwnedSemaphorePermit,
    _of_holder: OwnedSemaphorePermit,
}

impl DecoderPlaces {
    /// So many places, from 2 on.
    pub(super) fn new(count: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(count)), most: count - 1, holders: Mutex::default() }
    }

    /// A place for this holder, once there is one. `None` never comes: nobody closes the places.
    pub(super) async fn take(&self, holder: &str) -> Option<DecoderPlace> {
        let own = {
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for.
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

    /// What is there without waiting.
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
