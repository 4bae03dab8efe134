//! Consumes the change feed for a gate: invalidates cached keys that other nodes change.

use crate::{
    PrincipalChange, freshness::MonotonicNanos, key_cache::KeyCache, observers::Observers, store_clock::StoreClock,
};
use dalston_model::{Clock as _, KnownScopes};
use dalston_store::{ChangesResult, Checkpoint, FeedStore, KeyChange, StoreResult};
use std::{sync::Arc, time::Duration};

/// Number of changes per read.
const PAGE_SIZE: u32 = 500;

/// Minimum interval between checks of the store's address, even if the freshness bound is smaller.
const MIN_ADDRESS_CHECK: Duration = Duration::from_millis(100);

/// Minimum interval between readings of the store's clock, so that a burst of changes does not cause a burst of
/// readings.
const CLOCK_READ_INTERVAL: Duration = Duration::from_millis(200);

/// Consumes the change feed of a store for one gate.
///
/// Poll it at least four times within the freshness bound, and as soon as the store reports a change.
pub struct ChangeFeedConsumer {
    store: Arc<dyn FeedStore>,
    cache: Arc<KeyCache>,
    observers: Arc<Observers>,
    scopes: Arc<KnownScopes>,
    clock: Arc<StoreClock>,
    checkpoint: Option<Checkpoint>,
}

/// Changes that a poll has read. The gate applies them already; they are returned for other parts that must know.
#[derive(Debug, Default)]
pub struct FeedChanges {
    /// The keys that changed, in their new state.
    pub changes: Vec<KeyChange>,
    /// Whether there are more changes. If so, poll again at once.
    pub more: bool,
}

impl ChangeFeedConsumer {
    pub(crate) fn new(
        store: Arc<dyn FeedStore>,
        cache: Arc<KeyCache>,
        observers: Arc<Observers>,
        scopes: Arc<KnownScopes>,
        clock: Arc<StoreClock>,
    ) -> Self {
        Self { store, cache, observers, scopes, clock, checkpoint: None }
    }

    /// Returns the sequence number of the last change that was read; `None` before the first poll.
    pub fn seen(&self) -> Option<u64> {
        self.checkpoint.map(|checkpoint| checkpoint.seq)
    }

    /// Reads the changes since the last poll, invalidates the cached keys, and notifies the observers.
    ///
    /// The first poll returns no changes. If the change feed has a different history than before (after a fail-over, or
    /// if a backup was restored), the cache is emptied, and the following polls report all keys as changed.
    ///
    /// A poll also reads the store's clock, if the last reading is too old. If the store's clock has jumped ahead, the
    /// cache is emptied, because it holds expiry times that were computed before.
    pub async fn poll(&mut self) -> StoreResult<FeedChanges> {
        let changes = self.read_changes().await?;
        let now = self.clock.now();
        for change in &changes.changes {
            self.observers.principal_changed(&PrincipalChange::of_key(&change.key, &self.scopes, now));
        }
        if !self.clock.is_fresh(CLOCK_READ_INTERVAL) {
            self.look_at_clock().await;
        }
        Ok(changes)
    }

    async fn look_at_clock(&self) {
        let began = self.clock.monotonic();
        match self.store.now().await {
            Ok(now) if self.clock.learn(began, now) => {
                tracing::warn!(event = "store_clock.stepped", %now, "the store's clock stepped: emptied the key cache");
                self.cache.freshness().flush();
            }
            Ok(_) => {}
            // The changes that were read are valid all the same.
            Err(error) => tracing::warn!(event = "store_clock.read_failed", %error, "could not read the store's clock"),
        }
    }

    async fn read_changes(&mut self) -> StoreResult<FeedChanges> {
        let freshness = self.cache.freshness();
        // After a fail-over, an old primary that nothing has demoted still answers, while the address already points to
        // another server. So the feed counts as read only as of the last time that the address was seen to point to
        // this server.
        let now = self.clock.monotonic();
        let doubt = self.store.doubt((freshness.bound() / 2).max(MIN_ADDRESS_CHECK));
        let began = MonotonicNanos::of(now.saturating_sub(doubt));
        let Some(checkpoint) = self.checkpoint else {
            let end = self.store.checkpoint().await?;
            self.checkpoint = Some(end);
            // Answers that were read before are older than the checkpoint.
            freshness.flush();
            freshness.checkpoint_reached(end.seq);
            freshness.feed_read(began);
            return Ok(FeedChanges::default());
        };
        match self.store.key_changes(&checkpoint, PAGE_SIZE).await? {
            ChangesResult::Changes { changes, checkpoint } => {
                for change in &changes {
                    freshness.changed(change.key.id);
                }
                self.checkpoint = Some(checkpoint);
                freshness.checkpoint_reached(checkpoint.seq);
                let more = changes.len() >= usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
                if !more {
                    freshness.feed_read(began);
                }
                Ok(FeedChanges { changes, more })
            }
            ChangesResult::Diverged(_) => {
                tracing::warn!(
                    event = "feed.replaced",
                    seq = checkpoint.seq,
                    "the change feed has another history: emptied the key cache"
                );
                freshness.flush();
                self.checkpoint = Some(Checkpoint::START);
                freshness.checkpoint_reached(Checkpoint::START.seq);
                Ok(FeedChanges { changes: Vec::new(), more: true })
            }
        }
    }
}
