//! The feed of changes: what other nodes change reaches this one's cache, and its observers.

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

/// Changes are looked for at least so often, within a quarter of the freshness bound; with a bound of zero too, as
/// streams go by them.
const LEAST_BEAT: Duration = Duration::from_millis(10);
const MOST_BEAT: Duration = Duration::from_millis(250);
/// And so long apart, however often the store says that there are any.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// Follows the record of changes of a store for one gate. Without it each request asks the store.
pub struct ChangeFeed {
    store: Arc<dyn FeedStore>,
    follower: Mutex<ChangeFeedConsumer>,
    /// How often changes are looked for, whether or not the store says that there are any.
    beat: Duration,
    clock: SharedClock,
    position: RwLock<FeedPosition>,
}

/// How far the record of changes was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedPosition {
    /// Whether the last read succeeded; `None` before the first.
    pub is_current: Option<bool>,
    /// The number of the last change that was read.
    pub seq: u64,
    /// When that was.
    pub read_at: Option<Timestamp>,
}

impl ChangeFeed {
    /// The feed of `store` for the gate, which begins where the record ends now.
    pub async fn open(gate: &Gate, store: Arc<dyn FeedStore>) -> StoreResult<Self> {
        let mut follower = gate.feed_consumer(store.clone());
        follower.poll().await?;
        let beat = (gate.freshness() / 4).clamp(LEAST_BEAT, MOST_BEAT);
        let (follower, clock) = (Mutex::new(follower), gate.store_clock());
        Ok(Self { store, follower, beat, clock, position: RwLock::default() })
    }

    /// How far the record was read.
    pub fn position(&self) -> FeedPosition {
        *self.position.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what changed since the last time. The gate's observers are told of each change.
    pub async fn follow(&self) -> StoreResult<()> {
        let mut follower = self.follower.lock().await;
        loop {
            match follower.poll().await {
                Ok(news) if news.more => {}
                Ok(_) => {
                    let position = FeedPosition {
                        is_current: Some(true),
                        seq: follower.seen().unwrap_or_default(),
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

    /// Follows until `stopping` changes or its other end is dropped: at each beat, and as soon as the store says that
    /// something changed. Outages are logged, and end nothing.
    pub async fn run(&self, mut stopping: watch::Receiver<()>) {
        let mut woken = pin!(self.woken(None));
        loop {
            // What failed was logged, and is tried again.
            let _ = self.follow().await;
            tokio::select! {
                _ = stopping.changed() => return,
                wakes = &mut woken => woken.set(self.woken(wakes)),
                () = sleep(self.beat) => {}
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut FeedPosition)) {
        change(&mut self.position.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until there may be something to follow, and gives what to wait with the next time. It may take for ever: a
    /// store that answers no more holds up no beat.
    async fn woken(&self, wakes: Option<Box<dyn ChangeNotifier>>) -> Option<Box<dyn ChangeNotifier>> {
        let Some(mut wakes) = wakes else {
            return match self.store.notifier().await {
                // Opened first, then read: nothing falls in between.
                Ok(wakes) => Some(wakes),
                Err(error) => {
                    tracing::warn!(
                        event = "feed.notifier_failed",
                        %error,
                        "could not wait for notifications: the change feed is polled"
                    );
                    sleep(self.beat).await;
                    None
                }
            };
        };
        // However many changes are made at once, they are read together.
        sleep(LEAST_PAUSE).await;
        match wakes.next().await {
            Ok(()) => Some(wakes),
            Err(error) => {
                tracing::warn!(event = "feed.notifier_restarted", %error, "restarted the listener for notifications");
                None
            }
        }
    }
}
