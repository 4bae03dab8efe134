//! Usage: added to in batches, beside the key's record.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Day, KeyId, TenantId, Usage, UsageDelta};

/// The steps on usage. None of them writes a key's record.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Adds what a node counted, all of it or nothing. Unknown keys are passed over.
    async fn add_usage(&self, deltas: &[UsageDelta]) -> StoreResult<()>;

    /// The usage of a key of the tenant, its days from `since` on. `None`: no such key.
    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>>;
}
