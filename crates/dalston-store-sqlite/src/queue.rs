//! Stands in until the engine has it.

use crate::SqliteStore;
use async_trait::async_trait;
use dalston_model::{Job, Timestamp};
use dalston_store::{Beat, FinishJob, Lease, LeaseJobs, Leased, Outcome, QueueStore, StoreError, StoreResult};
use std::time::Duration;

#[async_trait]
impl QueueStore for SqliteStore {
    async fn lease_jobs(&self, _: &LeaseJobs) -> StoreResult<Vec<Leased>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn beat_jobs(&self, _: &[(Lease, Option<u16>)], _: Duration) -> StoreResult<Vec<Beat>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn finish_job(&self, _: &Lease, _: &Outcome, _: Timestamp) -> StoreResult<FinishJob> {
        Err(StoreError::unavailable("not built"))
    }

    async fn reclaim_jobs(&self, _: u64, _: &str, _: Timestamp, _: u32) -> StoreResult<Vec<Job>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn cancel_orphans(&self, _: Timestamp, _: u32) -> StoreResult<Vec<Job>> {
        Err(StoreError::unavailable("not built"))
    }

    async fn expired_jobs(&self, _: Option<u32>, _: Timestamp, _: u32) -> StoreResult<Vec<Job>> {
        Err(StoreError::unavailable("not built"))
    }
}
