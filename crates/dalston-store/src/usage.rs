//! Usage counters: added in batches, stored beside the key's record.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Day, KeyId, TenantId, Usage, UsageDelta, UsageStep};

/// The operations on usage counters. None of them writes a key's record.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Adds what a node counted, as one atomic step. Idempotent by step number.
    ///
    /// Does nothing if a step of the same node with this or a higher number was applied before. Deltas of unknown keys
    /// are skipped. Returns the number of deltas that were passed under this step number, now or before, and 0 for a
    /// number below the node's last.
    ///
    /// So a node can safely retry a step whose reply was lost. A retry without deltas reports whether the deltas were
    /// added, and makes sure that they are not added later.
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64>;

    /// Returns the usage of a key of the tenant, with the daily counts from `since` on. `None`: there is no such key.
    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>>;
}
