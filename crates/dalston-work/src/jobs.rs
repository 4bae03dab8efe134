//! Jobs: insert, get, list, cancel, delete.

use crate::{Job, JobId, JobStatus, QuotaExceeded};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{AlreadyProcessed, IdempotencyKey, StoreResult};

/// What came of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertJobOutcome {
    /// The job is there.
    Inserted,
    /// There is no such tenant.
    UnknownTenant,
    /// The claim was made before; nothing was inserted.
    Repeated(AlreadyProcessed),
    /// The key or the tenant has too many jobs, or no audio left today; nothing was inserted or reserved.
    Excess(QuotaExceeded),
}

/// What came of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelJobOutcome {
    /// It was pending and has ended now.
    Cancelled,
    /// It was running: its engine is asked to stop. Also when it was asked before.
    Cancelling,
    /// It had ended already, as this.
    Ended(JobStatus),
    /// No such job in the tenant.
    Unknown,
}

/// What came of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteJobOutcome {
    /// The row is gone.
    Deleted,
    /// It has not ended.
    NotEnded,
    /// No such job in the tenant.
    Unknown,
}

/// How many of a tenant's jobs have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveJobs {
    /// Waiting.
    pub pending: u64,
    /// Running.
    pub running: u64,
    /// Asked to stop.
    pub cancelling: u64,
}

/// The steps on jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Inserts the job, unless its claim was made before. In the same step: the `concurrent_jobs` of its key and its
    /// tenant are kept (the key's asked first), counting jobs that have not ended; and [`Job::amount`] is reserved on
    /// [`Job::account`].
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome>;

    /// The job of this id in this tenant.
    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>>;

    /// Whether any tenant has a job of this id: recovery asks before it deletes a file.
    async fn job_exists(&self, id: JobId) -> StoreResult<bool>;

    /// A page of the tenant's jobs, of one status when it is given.
    async fn jobs(&self, tenant: &TenantId, page: &PageRequest, status: Option<JobStatus>) -> StoreResult<Page<Job>>;

    /// How many of the tenant's jobs have not ended.
    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs>;

    /// `pending → cancelled`, ended at `at`, or `running → cancelling`. The record is written when the status changes;
    /// a job that ends puts its event into the outbox and gives back what was reserved ([`crate::QueueStore`]).
    async fn cancel_job(
        &self,
        tenant: &TenantId,
        id: JobId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<CancelJobOutcome>;

    /// Deletes the row of an ended job.
    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome>;

    /// Sets for how many days the tenant's ended jobs are kept; `None`: as the node's setting says. `false`: no such
    /// tenant.
    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool>;

    /// For how many days the ended jobs of each of these tenants are kept, in order.
    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>>;
}
