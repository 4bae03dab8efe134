//! What changed: every change has a number from the store that only grows, in commit order.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{AuditRecord, Key};

/// The last change of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyChange {
    /// The number of the change.
    pub seq: u64,
    /// The key, as it is now.
    pub key: Key,
}

/// The steps on the record of changes.
#[async_trait]
pub trait FeedStore: Send + Sync {
    /// The number of the last change; 0 before the first.
    async fn last_seq(&self) -> StoreResult<u64>;

    /// Up to `limit` keys whose last change is later than `seq`, in the order of those changes. A key that changed
    /// twice is there once.
    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>>;

    /// Up to `limit` audit records after `seq`, in order.
    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>>;
}
