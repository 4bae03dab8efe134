//! A small key-value store with expiry. Holds what front ends share between nodes for a while: tickets, claim links,
//! confirmations, leases.

use crate::StoreResult;
use async_trait::async_trait;
use std::time::Duration;

/// The operations on key-value entries. An entry that has expired, by the store's clock, does not exist.
#[async_trait]
pub trait KvStore: Send + Sync {
    /// Returns the text of the entry with this name.
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>>;

    /// Compare-and-set: writes the entry, to expire after `ttl`, if its present text is `expected` (`None`: there is no
    /// such entry). Atomic. Returns whether it was written.
    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool>;

    /// Removes the entry and returns its text. If several callers take it concurrently, exactly one of them receives
    /// it.
    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>>;
}
