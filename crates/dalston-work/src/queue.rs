//! Job queue: nodes lease pending jobs, renew the leases by heartbeat, and end each job exactly once.

use crate::{Event, Job, JobId, JobStatus, WorkAction, WorkTarget};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Source, TenantId, Timestamp};
use dalston_store::StoreResult;
use serde_json::{Value, json};
use std::time::Duration;

/// A node's request for jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLeaseRequest {
    /// Maximum number of jobs to lease.
    pub limit: u32,
    /// Maximum number of concurrently running jobs of one tenant, on all nodes together.
    pub per_tenant: u32,
    /// Tenants to skip, because they already use their share of the requesting node.
    pub but: Vec<TenantId>,
    /// Duration of the lease by the store's clock, unless a heartbeat renews it.
    pub ttl: Duration,
}

/// The lease of a job. Only the lease with the greatest fence is valid; each new lease invalidates the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobLease {
    /// Tenant that owns the job.
    pub tenant: TenantId,
    /// The job.
    pub job: JobId,
    /// Fencing token: increases by one with each lease of the job and starts at 1. It is therefore also the number of
    /// the attempt.
    pub fence: u64,
}

/// A leased job.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// The job, with status running.
    pub job: Job,
    /// The lease.
    pub lease: JobLease,
    /// Number of deaths before this lease: of nodes, or of processes that worked on the job.
    pub deaths: u64,
    /// Milliseconds of audio reserved for the job.
    pub reserved_ms: u64,
}

/// Result of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease is renewed.
    Held,
    /// The lease is renewed, and the job must stop.
    Cancelling,
    /// The lease is no longer valid: it was reclaimed, another node holds a newer one, or the job has ended or was
    /// deleted. Results of this lease are discarded. An expired lease stays valid until [`QueueStore::reclaim_jobs`]
    /// reclaims it.
    Lost,
}

/// Result of an attempt at a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobOutcome {
    /// Completed.
    Completed {
        /// Summary of the result.
        result: Value,
        /// Actual length of the audio in milliseconds. Settles the reservation.
        audio_ms: u64,
    },
    /// Failed permanently.
    Failed {
        /// Error text for the client.
        error: String,
    },
    /// Failed temporarily: the job becomes pending again and is retried after a delay.
    Retry {
        /// Error text for the client until the retry.
        error: String,
        /// Delay before the retry.
        after: Duration,
    },
    /// The process that worked on the job died, possibly because of the job. The job is retried at once, and the death
    /// is counted. [`outcome_of_death`] decides between this outcome and a failure.
    Died {
        /// Error text for the client until the retry.
        error: String,
    },
    /// Stopped on request.
    Cancelled,
}

/// Number of deaths at which a job fails. A single death may be bad luck.
pub const MAX_DEATHS: u64 = 2;

/// Returns the outcome of a job whose process died: one more attempt, or failure with `error` when this death reaches
/// [`MAX_DEATHS`] (`deaths` counts the earlier ones) or `attempt` was the last of `attempts`.
pub fn outcome_of_death(deaths: u64, attempt: u64, attempts: u64, error: &str) -> JobOutcome {
    let error = error.to_owned();
    if deaths + 1 >= MAX_DEATHS || attempt >= attempts {
        JobOutcome::Failed { error }
    } else {
        JobOutcome::Died { error }
    }
}

/// Returns the outcome of a job whose lease expired while it had this `status`.
///
/// The node is considered lost, which counts as a death. A job that was requested to stop is cancelled. `lease` is the
/// fence of the lease, which is the number of the attempt.
pub fn outcome_of_expired_lease(status: JobStatus, deaths: u64, lease: u64, attempts: u64, error: &str) -> JobOutcome {
    if status == JobStatus::Cancelling {
        JobOutcome::Cancelled
    } else {
        outcome_of_death(deaths, lease, attempts, error)
    }
}

impl JobOutcome {
    /// Returns the next status of a job with status `before`. A job that was requested to stop becomes cancelled,
    /// whatever its outcome.
    pub const fn status(&self, before: JobStatus) -> JobStatus {
        match (before, self) {
            (JobStatus::Cancelling, _) | (_, Self::Cancelled) => JobStatus::Cancelled,
            (_, Self::Completed { .. }) => JobStatus::Completed,
            (_, Self::Failed { .. }) => JobStatus::Failed,
            (_, Self::Retry { .. } | Self::Died { .. }) => JobStatus::Pending,
        }
    }

    /// Returns the job with this outcome applied at the time `at`. Engines write exactly this.
    #[must_use]
    pub fn apply(&self, mut job: Job, at: Timestamp) -> Job {
        job.status = self.status(job.status);
        match (job.status, self) {
            (JobStatus::Completed, Self::Completed { result, .. }) => {
                job.result = Some(result.clone());
                job.error = None;
                job.progress = Some(1_000);
            }
            (JobStatus::Failed, Self::Failed { error }) => job.error = Some(error.clone()),
            (JobStatus::Pending, Self::Retry { error, .. } | Self::Died { error }) => {
                job.error = Some(error.clone());
                job.progress = None;
            }
            _ => {}
        }
        if job.status.is_ended() {
            job.completed_at = Some(at);
        }
        job
    }

    /// Returns how long the job waits before it is retried.
    pub const fn wait(&self) -> Duration {
        if let Self::Retry { after, .. } = self { *after } else { Duration::ZERO }
    }

    /// Returns the number of deaths that this outcome adds to the job.
    pub const fn deaths(&self) -> u64 {
        matches!(self, Self::Died { .. }) as u64
    }

    /// Returns the milliseconds of audio that remain charged to a job whose status is now `after`: the reservation for
    /// a job that is retried, the actual audio for a completed one, 0 otherwise.
    pub const fn kept_ms(&self, after: JobStatus, reserved: u64) -> u64 {
        match (after, self) {
            (JobStatus::Completed, Self::Completed { audio_ms, .. }) => *audio_ms,
            (JobStatus::Pending, _) => reserved,
            _ => 0,
        }
    }
}

/// Result of finishing a job.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishJobOutcome {
    /// The job after the change.
    Finished(Box<Job>),
    /// The lease is no longer valid; nothing was changed.
    Lost,
}

/// Returns the audit record for a job that the gateway ended at `at`, to be written in the same transaction. `None`
/// when the job has not ended.
pub fn ended_entry(job: &Job, at: Timestamp) -> Option<AuditEntry> {
    let action = match job.status {
        JobStatus::Completed => WorkAction::JOB_COMPLETED,
        JobStatus::Failed => WorkAction::JOB_FAILED,
        JobStatus::Cancelled => WorkAction::JOB_CANCELLED,
        JobStatus::Pending | JobStatus::Running | JobStatus::Cancelling => return None,
    };
    let detail = job.error.as_ref().map_or_else(|| json!({}), |error| json!({"error": error}));
    Some(AuditEntry {
        time: at,
        tenant: job.tenant.clone(),
        source: Source::gateway(),
        action,
        target: WorkTarget::Job(job.id).into(),
        detail,
    })
}

/// Returns the event for a job that ended at `at`, to be put into the outbox in the same transaction. `None` when the
/// job has not ended.
pub fn ended_event(job: &Job, at: Timestamp) -> Option<Event> {
    Event::of(job, at)
}

/// Operations on the queue.
///
/// Every operation that ends a job does three more things in the same transaction: it writes the audit record
/// ([`ended_entry`], or for [`crate::JobStore::cancel_job`] the given entry), puts the event ([`ended_event`]) into the
/// outbox, and settles the audio reservation.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Leases pending jobs that are due: `pending → running`. Sets `started_at` at the first lease.
    ///
    /// Scheduling is fair between tenants. Of the tenants that have a due job, have fewer than `per_tenant` jobs
    /// running or cancelling and are not listed in `but`, the one with the fewest such jobs comes next; at equal
    /// numbers, the one served longest ago. Of a tenant's jobs the oldest comes first. A tenant therefore waits for at
    /// most one job of another tenant, however many that one has queued.
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>>;

    /// Renews leases and stores the progress in thousandths; `None` (unknown) keeps the last value. Returns an outcome
    /// for each lease, in order.
    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>>;

    /// Ends the attempt at a job, if the lease is still valid.
    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome>;

    /// Reclaims up to `limit` jobs whose lease has expired and applies [`outcome_of_expired_lease`]: a running job
    /// becomes pending again, or fails with `error` after the last of `attempts` or when its deaths reach
    /// [`MAX_DEATHS`]; a cancelling job is cancelled. Returns the changed jobs.
    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;

    /// Cancels up to `limit` pending jobs whose key is revoked, with the gateway as actor. Returns the changed jobs.
    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;

    /// Returns up to `limit` ended jobs whose retention is over at `at`. The retention in days is the tenant's, else
    /// `default_days`, else unlimited; it is counted from `completed_at`.
    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;
}
