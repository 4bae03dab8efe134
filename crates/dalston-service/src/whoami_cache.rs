//! What callers are shown of their own keys, ready made: whoever asks often costs a read a second.

use crate::{KeyView, ServiceResult};
use bytes::Bytes;
use dalston_auth::{CachedKey, Keys};
use dalston_model::{KeyId, SharedClock};
use dalston_store::KeyWithUse;
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};

/// Cards at most; each is about half a kilobyte.
const CARDS: usize = 10_000;
/// When the key was last used is shown up to so long behind.
const AGE: Duration = Duration::from_secs(1);

/// The callers' own keys, as they are shown.
pub struct WhoamiCache {
    keys: Arc<Keys>,
    clock: SharedClock,
    cards: Cache<KeyId, WhoamiEntry>,
}

#[derive(Clone)]
struct WhoamiEntry {
    /// Of whom: a key that has changed has another holder.
    holder: Arc<CachedKey>,
    read_at: Duration,
    json: Bytes,
}

impl WhoamiCache {
    pub(crate) fn new(keys: Arc<Keys>, clock: SharedClock) -> Self {
        Self { keys, clock, cards: Cache::new(CARDS) }
    }

    /// The caller's own key, as [`Keys::own`] reads it.
    pub async fn read(&self, holder: &Arc<CachedKey>) -> ServiceResult<KeyWithUse> {
        let read_at = self.clock.monotonic();
        let used = self.keys.own(holder).await?;
        if let Ok(json) = serde_json::to_vec(&KeyView::new(&used, self.keys.scopes())) {
            self.cards.insert(holder.id, WhoamiEntry { holder: holder.clone(), read_at, json: json.into() });
        }
        Ok(used)
    }

    /// The same as JSON, where it was read within the last second and the key has not changed.
    pub fn card(&self, holder: &Arc<CachedKey>) -> Option<Bytes> {
        let now = self.clock.monotonic();
        let card = self.cards.get(&holder.id)?;
        let is_good = Arc::ptr_eq(&card.holder, holder) && now.saturating_sub(card.read_at) < AGE;
        is_good.then_some(card.json)
    }
}
