//! Notes: short texts under a name that lapse. What doors keep for a while and share between nodes: claims, proposals,
//! leases.

use crate::StoreResult;
use async_trait::async_trait;
use std::time::Duration;

/// The steps on notes. A note that lapsed, by the store's clock, is not there.
#[async_trait]
pub trait KvStore: Send + Sync {
    /// The note of this name.
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>>;

    /// Writes the note, to lapse after `ttl`, if what stands there is `expected` (`None`: nothing), in one step. Tells
    /// whether it did.
    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool>;

    /// Takes the note away and gives it: to one of however many ask.
    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>>;
}
