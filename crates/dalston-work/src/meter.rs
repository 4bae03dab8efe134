//! Quotas, and the meter of audio: reserved before, settled after.

use crate::{AudioAmount, MeteredDay, Quota, QuotaExceeded, QuotaOwner, UsageAccount};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day};
use dalston_store::StoreResult;

/// What came of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// So many milliseconds were reserved: all that was asked for, or what was left.
    Granted(u64),
    /// Nothing was left.
    Exhausted(QuotaExceeded),
}

/// The steps on quotas and the meter. The quota of a key and that of its tenant both hold; the key's is asked first.
#[async_trait]
pub trait MeterStore: Send + Sync {
    /// The quota; the empty one when none was set.
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota>;

    /// Sets the quota. `false`: no such key, or no such tenant.
    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool>;

    /// Reserves audio on the account's day, on the key and on the tenant: what [`AudioAmount::granted`] gives for the least
    /// that both have left. Asked for nothing it grants nothing, and refuses when nothing is left.
    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome>;

    /// Gives back (negative) or adds what a reservation turned out to be. Never below 0, never refused.
    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()>;

    /// What was metered, newest day first, from `since` on. Days without any are left out.
    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>>;
}
