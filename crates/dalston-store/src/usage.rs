//! Usage: added to in batches, beside the key's record.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Day, KeyId, TenantId, Usage, UsageDelta, UsageStep};

/// The steps on usage. None of them writes a key's record.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Adds what a node counted, all of it or nothing, unless a step with this number or a higher one of the same node
    /// was taken before. Unknown keys are passed over. Returns how many deltas were taken under this number, be it now or
    /// before; 0 for a number below the node's last.
    ///
    /// So a step whose answer was lost can be repeated without counting twice; and repeated without deltas it tells
    /// whether they were added, and makes sure that they are not added later.
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64>;

    /// The usage of a key of the tenant, its days from `since` on. `None`: no such key.
    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>>;
}
