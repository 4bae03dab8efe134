//! Storage of quotas and of metered audio, which is reserved first and settled afterwards.

use crate::{AudioAmount, MeteredDay, Quota, QuotaExceeded, QuotaOwner, UsageAccount};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day};
use dalston_store::StoreResult;

/// Result of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// Number of milliseconds reserved: all that was requested, or what was left.
    Granted(u64),
    /// This quota is exhausted; nothing was reserved.
    Exhausted(QuotaExceeded),
}

/// Operations on quotas and metered usage. The quota of the key and that of its tenant both apply; the key's is checked
/// first.
#[async_trait]
pub trait MeterStore: Send + Sync {
    /// Returns the quota; the empty one when none was set.
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota>;

    /// Sets the quota. Returns `false` when the key or the tenant does not exist.
    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool>;

    /// Reserves audio for the account's day, on the key and on the tenant.
    ///
    /// The result is that of [`AudioAmount::granted`] for the smaller of the two remainders. A request for 0 is granted
    /// 0, but is refused when nothing is left.
    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome>;

    /// Adds the difference between actual usage and reservation; a negative `ms` returns audio. The total never falls
    /// below 0, and the call is never refused.
    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()>;

    /// Returns the usage per day from `since` on, newest day first. Days without usage are omitted.
    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>>;
}
