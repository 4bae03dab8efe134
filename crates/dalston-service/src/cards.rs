//! What callers are shown of their own keys, ready made: whoever asks often costs a read a second.

use crate::KeyView;
use bytes::Bytes;
use dalston_auth::Holder;
use dalston_model::KeyId;
use dalston_store::UsedKey;
use quick_cache::sync::Cache;
use std::{sync::Arc, time::Duration};

/// Cards at most; each is about half a kilobyte.
const CARDS: usize = 10_000;
/// When the key was last used is shown up to so long behind.
const AGE: Duration = Duration::from_secs(1);

/// The JSON of keys, by their ids.
pub(crate) struct Cards(Cache<KeyId, Card>);

#[derive(Clone)]
struct Card {
    /// Of whom: a key that has changed has another holder.
    holder: Arc<Holder>,
    read_at: Duration,
    json: Bytes,
}

impl Default for Cards {
    fn default() -> Self {
        Self(Cache::new(CARDS))
    }
}

impl Cards {
    /// The card of the holder, unless it is too old at `now`.
    pub(crate) fn get(&self, holder: &Arc<Holder>, now: Duration) -> Option<Bytes> {
        let card = self.0.get(&holder.id)?;
        let is_good = Arc::ptr_eq(&card.holder, holder) && now.saturating_sub(card.read_at) < AGE;
        is_good.then_some(card.json)
    }

    /// Keeps what was read of the holder's key; the read began at `read_at` of the monotonic clock.
    pub(crate) fn put(&self, holder: &Arc<Holder>, read_at: Duration, used: &UsedKey) {
        if let Ok(json) = serde_json::to_vec(&KeyView::from(used)) {
            self.0.insert(holder.id, Card { holder: holder.clone(), read_at, json: json.into() });
        }
    }
}
