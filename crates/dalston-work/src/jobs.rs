//! Storage of jobs: insert, get, list, cancel, delete.

use crate::{Job, JobId, JobStatus, QuotaExceeded};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{AlreadyProcessed, IdempotencyKey, StoreResult};

/// Result of inserting a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertJobOutcome {
    /// The job was inserted.
    Inserted,
    /// The tenant does not exist.
    UnknownTenant,
    /// The idempotency key was used before; nothing was inserted.
    Repeated(AlreadyProcessed),
    /// The key or the tenant has reached its job limit or its daily audio quota; nothing was inserted or reserved.
    Excess(QuotaExceeded),
}

/// Result of cancelling a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelJobOutcome {
    /// The job was pending and is now cancelled.
    Cancelled,
    /// The job was running and its engine is requested to stop. Also returned when that was requested before.
    Cancelling,
    /// The job had already ended with this status.
    Ended(JobStatus),
    /// The tenant has no such job.
    Unknown,
}

/// Result of deleting a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteJobOutcome {
    /// The row was deleted.
    Deleted,
    /// The job has not ended.
    NotEnded,
    /// The tenant has no such job.
    Unknown,
}

/// Numbers of a tenant's jobs that have not ended, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveJobs {
    /// Pending jobs.
    pub pending: u64,
    /// Running jobs.
    pub running: u64,
    /// Running jobs that were requested to stop.
    pub cancelling: u64,
}

/// Operations on jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Inserts the job, unless its idempotency key was used before. In the same transaction, checks the
    /// `concurrent_jobs` limit of its key first, then that of its tenant (both count jobs that have not ended), and
    /// reserves [`Job::amount`] on [`Job::account`].
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome>;

    /// Returns the tenant's job with this id.
    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>>;

    /// Returns whether any tenant has a job with this id. Recovery checks this before it deletes a file.
    async fn job_exists(&self, id: JobId) -> StoreResult<bool>;

    /// Returns a page of the tenant's jobs, optionally only of one status.
    async fn jobs(&self, tenant: &TenantId, page: &PageRequest, status: Option<JobStatus>) -> StoreResult<Page<Job>>;

    /// Counts the tenant's jobs that have not ended.
    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs>;

    /// Moves a job `pending → cancelled`, ended at `at`, or `running → cancelling`. Writes the audit record when the
    /// status changes. A job that ends puts its event into the outbox and releases its reservation
    /// ([`crate::QueueStore`]).
    async fn cancel_job(
        &self,
        tenant: &TenantId,
        id: JobId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<CancelJobOutcome>;

    /// Deletes the row of an ended job.
    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome>;

    /// Sets the retention of the tenant's ended jobs in days; `None` uses the node's setting. Returns `false` when the
    /// tenant does not exist.
    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool>;

    /// Returns the retention in days of each of these tenants, in order.
    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>>;
}
