//! Whoever tells a gate of the changes that other nodes make.

use crate::{
    PrincipalChange, freshness::MonotonicNanos, key_cache::KeyCache, observers::Observers, store_clock::StoreClock,
};
use dalston_model::{Clock as _, KnownScopes};
use dalston_store::{ChangesResult, Checkpoint, FeedStore, KeyChange, StoreResult};
use std::{sync::Arc, time::Duration};

/// Changes that are read at once.
const PART: u32 = 500;

/// The address of the store is not looked at more often, however small the freshness bound is.
const LEAST_LOOK: Duration = Duration::from_millis(100);

/// The store's time is learnt so often, and not with each change of a storm of them.
const LOOK: Duration = Duration::from_millis(200);

/// Follows the record of changes for one gate. It is polled at least four times within the freshness bound, and sooner
/// whenever the store says that something changed.
pub struct ChangeFeedConsumer {
    store: Arc<dyn FeedStore>,
    directory: Arc<KeyCache>,
    observers: Arc<Observers>,
    scopes: Arc<KnownScopes>,
    clock: Arc<StoreClock>,
    mark: Option<Checkpoint>,
}

/// What a follower heard, and the gate obeys already: for whoever else must know.
#[derive(Debug, Default)]
pub struct FeedChanges {
    /// Keys that changed.
    pub changes: Vec<KeyChange>,
    /// Whether there are more: poll again at once.
    pub more: bool,
}

impl ChangeFeedConsumer {
    pub(crate) fn new(
        store: Arc<dyn FeedStore>,
        directory: Arc<KeyCache>,
        observers: Arc<Observers>,
        scopes: Arc<KnownScopes>,
        clock: Arc<StoreClock>,
    ) -> Self {
        Self { store, directory, observers, scopes, clock, mark: None }
    }

    /// The number of the last change that was heard; `None` before it was polled first.
    pub fn seen(&self) -> Option<u64> {
        self.mark.map(|mark| mark.seq)
    }

    /// Hears what changed since it was polled last; the first time nothing. When the record is another one than it was
    /// (a fail-over, a restored backup), nothing that was known counts, and all keys are news.
    ///
    /// The store's time is learnt on the way. Where its clock has run ahead, ends that were reckoned before are looked at
    /// again.
    pub async fn poll(&mut self) -> StoreResult<FeedChanges> {
        let news = self.hear().await?;
        let now = self.clock.now();
        for change in &news.changes {
            self.observers.principal_changed(&PrincipalChange::of_key(&change.key, &self.scopes, now));
        }
        if !self.clock.is_fresh(LOOK) {
            self.look_at_clock().await;
        }
        Ok(news)
    }

    async fn look_at_clock(&self) {
        let began = self.clock.monotonic();
        match self.store.now().await {
            Ok(now) if self.clock.learn(began, now) => {
                tracing::warn!(event = "store_clock.stepped", %now, "the store's clock stepped: emptied the key cache");
                self.directory.freshness().flush();
            }
            Ok(_) => {}
            // What was heard counts all the same.
            Err(error) => tracing::warn!(event = "store_clock.read_failed", %error, "could not read the store's clock"),
        }
    }

    async fn hear(&mut self) -> StoreResult<FeedChanges> {
        let freshness = self.directory.freshness();
        // An old primary that nothing has demoted answers as before, when the address leads to another server already:
        // the record was heard as of the moment at which the address was last seen to lead to this one.
        let now = self.clock.monotonic();
        let doubt = self.store.doubt((freshness.bound() / 2).max(LEAST_LOOK));
        let began = MonotonicNanos::of(now.saturating_sub(doubt));
        let Some(mark) = self.mark else {
            let end = self.store.checkpoint().await?;
            self.mark = Some(end);
            // What was read before is older than the mark.
            freshness.flush();
            freshness.marked(end.seq);
            freshness.heard(began);
            return Ok(FeedChanges::default());
        };
        match self.store.key_changes(&mark, PART).await? {
            ChangesResult::Changes { changes, mark } => {
                for change in &changes {
                    freshness.changed(change.key.id);
                }
                self.mark = Some(mark);
                freshness.marked(mark.seq);
                let more = changes.len() >= usize::try_from(PART).unwrap_or(usize::MAX);
                if !more {
                    freshness.heard(began);
                }
                Ok(FeedChanges { changes, more })
            }
            ChangesResult::Diverged(_) => {
                tracing::warn!(
                    event = "feed.replaced",
                    seq = mark.seq,
                    "the change feed has another history: emptied the key cache"
                );
                freshness.flush();
                self.mark = Some(Checkpoint::START);
                freshness.marked(Checkpoint::START.seq);
                Ok(FeedChanges { changes: Vec::new(), more: true })
            }
        }
    }
}
