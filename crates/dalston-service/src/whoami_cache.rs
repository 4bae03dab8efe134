//! Caches the view that callers get of their own keys, so that polling costs at most one read a second.

use crate::{KeyView, ServiceResult};
use bytes::Bytes;
use dalston_auth::{CachedKey, Keys};
use dalston_model::{KeyId, SharedClock};
use dalston_store::KeyWithUse;
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};

/// Maximum number of entries. Each is about half a kilobyte.
const CARDS: usize = 10_000;
/// TTL of an entry. The last use of the key is shown up to this late.
const AGE: Duration = Duration::from_secs(1);

/// A cache of the callers' own keys, serialized as JSON.
pub struct WhoamiCache {
    keys: Arc<Keys>,
    clock: SharedClock,
    entries: Cache<KeyId, WhoamiEntry>,
}

#[derive(Clone)]
struct WhoamiEntry {
    /// The key that the entry was read for. A changed key has another `CachedKey`, which invalidates the entry.
    holder: Arc<CachedKey>,
    read_at: Duration,
    json: Bytes,
}

impl WhoamiCache {
    pub(crate) fn new(keys: Arc<Keys>, clock: SharedClock) -> Self {
        Self { keys, clock, entries: Cache::new(CARDS) }
    }

    /// Reads the caller's own key with [`Keys::own`], and caches it.
    pub async fn read(&self, holder: &Arc<CachedKey>) -> ServiceResult<KeyWithUse> {
        let read_at = self.clock.monotonic();
        let used = self.keys.own(holder).await?;
        if let Ok(json) = serde_json::to_vec(&KeyView::new(&used, self.keys.scopes())) {
            self.entries.insert(holder.id, WhoamiEntry { holder: holder.clone(), read_at, json: json.into() });
        }
        Ok(used)
    }

    /// Returns the cached JSON, if it was read within the last second and the key has not changed.
    pub fn card(&self, holder: &Arc<CachedKey>) -> Option<Bytes> {
        let now = self.clock.monotonic();
        let card = self.entries.get(&holder.id)?;
        let is_good = Arc::ptr_eq(&card.holder, holder) && now.saturating_sub(card.read_at) < AGE;
        is_good.then_some(card.json)
    }
}
