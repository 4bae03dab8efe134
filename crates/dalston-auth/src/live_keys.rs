//! Looks up keys by their ids, and whether they are live now.

use crate::{CachedKey, GateStorage, RejectionReason, key_cache::KeyCache, store_clock::StoreClock};
use dalston_model::{Clock as _, KeyId, KeyState, Principal, SharedClock, TenantId, Timestamp};
use dalston_store::StoreResult;
use std::{sync::Arc, time::Duration};

/// Maximum age of a reading of the store's clock by which expiry is decided.
const MAX_READING_AGE: Duration = Duration::from_secs(1);

/// Reads keys from the store, bypassing the cache.
#[derive(Clone)]
pub(crate) struct LiveKeys {
    pub(crate) storage: GateStorage,
    pub(crate) cache: Arc<KeyCache>,
    pub(crate) store_clock: Arc<StoreClock>,
    pub(crate) clock: SharedClock,
}

impl LiveKeys {
    /// Returns the key if it is live by the store's time. Fails with [`RejectionReason::Unavailable`] if the store is
    /// unavailable.
    pub(crate) async fn find(&self, tenant: &TenantId, id: KeyId) -> Result<Option<Arc<CachedKey>>, RejectionReason> {
        let unavailable = |error| {
            tracing::error!(event = "key.lookup_failed", %error, "could not look up a key");
            RejectionReason::Unavailable
        };
        let found = self.storage.keys.key(tenant, id).await.map_err(unavailable)?;
        let now = self.now().await.map_err(unavailable)?;
        let live = found.map(|used| used.key).filter(|key| key.state(now) == KeyState::Active);
        Ok(live.map(|key| self.cache.uncached(&key)))
    }

    /// Returns the current state of the key that a principal acts as.
    ///
    /// Fails with [`RejectionReason::InvalidCredential`] if the key is no longer live, and with
    /// [`RejectionReason::Unavailable`] if the store is unavailable.
    pub(crate) async fn revalidate(&self, principal: &Principal) -> Result<Arc<CachedKey>, RejectionReason> {
        let id = principal.actor.key().ok_or(RejectionReason::InvalidCredential)?;
        self.find(&principal.tenant, id).await?.ok_or(RejectionReason::InvalidCredential)
    }

    /// Returns the store's time: estimated from the last reading, after a new reading if the last one is too old.
    async fn now(&self) -> StoreResult<Timestamp> {
        if !self.store_clock.is_fresh(MAX_READING_AGE) {
            let began = self.clock.monotonic();
            let now = self.storage.feed.now().await?;
            if self.store_clock.learn(began, now) {
                self.cache.freshness().flush();
            }
        }
        Ok(self.store_clock.now())
    }
}
