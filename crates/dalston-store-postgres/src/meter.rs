//! Stands in until the engine has it.

use crate::PostgresStore;
use async_trait::async_trait;
use dalston_model::{Account, AuditEntry, Day, MeteredDay, Quota, Subject};
use dalston_store::{MeterStore, Reserve, StoreError, StoreResult};

#[async_trait]
impl MeterStore for PostgresStore {
    async fn quota(&self, _: &Subject) -> StoreResult<Quota> {
        Err(StoreError::unavailable("not built"))
    }

    async fn set_quota(&self, _: &Subject, _: &Quota, _: &AuditEntry) -> StoreResult<bool> {
        Err(StoreError::unavailable("not built"))
    }

    async fn reserve_audio(&self, _: &Account, _: u64, _: bool) -> StoreResult<Reserve> {
        Err(StoreError::unavailable("not built"))
    }

    async fn settle_audio(&self, _: &Account, _: i64) -> StoreResult<()> {
        Err(StoreError::unavailable("not built"))
    }

    async fn metered(&self, _: &Subject, _: Day) -> StoreResult<Vec<MeteredDay>> {
        Err(StoreError::unavailable("not built"))
    }
}
