//! The change feed: invalidates cached keys that other nodes have changed, and notifies the gate's observers.

use crate::{ChangeFeedConsumer, Gate};
use dalston_model::{SharedClock, Timestamp};
use dalston_store::{ChangeNotifier, FeedStore, StoreResult};
use std::{
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{Mutex, watch},
    time::sleep,
};

/// The bounds of the poll interval, which is a quarter of the freshness bound. The upper bound applies however long the
/// freshness bound is. The lower bound applies with a freshness bound of zero too, as open streams depend on the feed.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(10);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Minimum interval between polls, however often the store sends notifications.
const MIN_POLL_PAUSE: Duration = Duration::from_millis(1);

/// Follows the change feed of a store for one gate. Without it, each request reads the store.
pub struct ChangeFeed {
    store: Arc<dyn FeedStore>,
    feed_consumer: Mutex<ChangeFeedConsumer>,
    /// The poll interval, which applies whether or not the store sends notifications.
    poll_interval: Duration,
    clock: SharedClock,
    position: RwLock<FeedPosition>,
}

/// The position in the change feed up to which this node has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedPosition {
    /// Whether the last read succeeded; `None` before the first.
    pub is_current: Option<bool>,
    /// The sequence number of the last change that was read.
    pub seq: u64,
    /// When the feed was last read to its end, by the store's clock; `None` before the first time.
    pub read_at: Option<Timestamp>,
}

impl ChangeFeed {
    /// Opens the change feed of `store` for the gate, starting at the current end of the feed.
    ///
    /// Fails if the store cannot be read.
    pub async fn open(gate: &Gate, store: Arc<dyn FeedStore>) -> StoreResult<Self> {
        let mut feed_consumer = gate.feed_consumer(store.clone());
        feed_consumer.poll().await?;
        let poll_interval = (gate.freshness() / 4).clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL);
        let (feed_consumer, clock) = (Mutex::new(feed_consumer), gate.store_clock());
        Ok(Self { store, feed_consumer, poll_interval, clock, position: RwLock::default() })
    }

    /// Returns the position up to which the feed was read.
    pub fn position(&self) -> FeedPosition {
        *self.position.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all changes since the last call, and notifies the gate's observers of each.
    ///
    /// Fails with the error of the store, which is logged. The next call retries.
    pub async fn follow(&self) -> StoreResult<()> {
        let mut feed_consumer = self.feed_consumer.lock().await;
        loop {
            match feed_consumer.poll().await {
                Ok(changes) if changes.more => {}
                Ok(_) => {
                    let position = FeedPosition {
                        is_current: Some(true),
                        seq: feed_consumer.seen().unwrap_or_default(),
                        read_at: Some(self.clock.now()),
                    };
                    self.note(|it| *it = position);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(event = "feed.read_failed", %error, "could not read changes of keys");
                    self.note(|position| position.is_current = Some(false));
                    return Err(error);
                }
            }
        }
    }

    /// Follows the feed until `stopping` changes or its sender is dropped.
    ///
    /// Polls at each interval, and as soon as the store notifies of a change. Outages are logged, and do not end the
    /// task.
    pub async fn run(&self, mut stopping: watch::Receiver<()>) {
        let mut woken = pin!(self.woken(None));
        loop {
            tokio::select! {
                _ = stopping.changed() => return,
                // A failure is logged already. The next iteration retries.
                _ = self.follow() => {}
            }
            tokio::select! {
                _ = stopping.changed() => return,
                wakes = &mut woken => woken.set(self.woken(wakes)),
                () = sleep(self.poll_interval) => {}
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut FeedPosition)) {
        change(&mut self.position.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until there may be changes to read, and returns the notifier to wait with the next time.
    ///
    /// It may never return if the store does not answer. The caller therefore polls at each interval as well.
    async fn woken(&self, wakes: Option<Box<dyn ChangeNotifier>>) -> Option<Box<dyn ChangeNotifier>> {
        let Some(mut wakes) = wakes else {
            return match self.store.notifier().await {
                // Subscribe before reading, so that no change in between is missed.
                Ok(wakes) => Some(wakes),
                Err(error) => {
                    tracing::warn!(
                        event = "feed.notifier_failed",
                        %error,
                        "could not wait for notifications: the change feed is polled"
                    );
                    sleep(self.poll_interval).await;
                    None
                }
            };
        };
        // Changes that are made in a burst are read together.
        sleep(MIN_POLL_PAUSE).await;
        match wakes.next().await {
            Ok(()) => Some(wakes),
            Err(error) => {
                tracing::warn!(event = "feed.notifier_restarted", %error, "restarted the listener for notifications");
                None
            }
        }
    }
}
