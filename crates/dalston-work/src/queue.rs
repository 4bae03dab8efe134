//! The queue: pending jobs are leased to nodes, kept by heartbeats, and end exactly once.

use crate::{Event, Job, JobId, JobStatus, WorkAction, WorkTarget};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Source, TenantId, Timestamp};
use dalston_store::StoreResult;
use serde_json::{Value, json};
use std::time::Duration;

/// What a node asks of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLeaseRequest {
    /// How many jobs at most.
    pub limit: u32,
    /// How many jobs of one tenant may run at once, on all nodes together.
    pub per_tenant: u32,
    /// Tenants that are passed over: they have their share of the node that asks.
    pub but: Vec<TenantId>,
    /// For how long, by the store's clock, unless a heartbeat comes.
    pub ttl: Duration,
}

/// The right to work on a job. Of all that were ever given for a job only the last counts: its fence is the greatest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobLease {
    /// The tenant.
    pub tenant: TenantId,
    /// The job.
    pub job: JobId,
    /// Grows by one with each lease of the job; the first is 1. So it is the number of the attempt.
    pub fence: u64,
}

/// A job to work on.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedJob {
    /// The job, running.
    pub job: Job,
    /// The right to it.
    pub lease: JobLease,
    /// How many deaths there were at it before: of nodes, or of processes that worked on it.
    pub deaths: u64,
    /// Milliseconds of audio that are reserved for it.
    pub reserved_ms: u64,
}

/// What a heartbeat is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The lease goes on.
    Held,
    /// The lease goes on, and the job is to stop.
    Cancelling,
    /// The lease was taken back or is another's, or the job has ended or is gone: nothing that is done for it counts any
    /// more. One that has lapsed counts until [`QueueStore::reclaim_jobs`] takes it back.
    Lost,
}

/// How the work on a job came out.
#[derive(Debug, Clone, PartialEq)]
pub enum JobOutcome {
    /// It is done: the short result, and how much audio there was in milliseconds, which settles the reservation.
    Completed {
        /// What came out, in short.
        result: Value,
        /// Milliseconds of audio.
        audio_ms: u64,
    },
    /// It ended with an error, for good.
    Failed {
        /// What the client reads.
        error: String,
    },
    /// It is to be tried again after a while; it waits as pending.
    Retry {
        /// What the client reads meanwhile.
        error: String,
        /// The time until then.
        after: Duration,
    },
    /// What worked on it died, and it may be the job: it is to be tried again at once, and this counts as a death.
    /// [`outcome_of_death`] says whether it may be.
    Died {
        /// What the client reads meanwhile.
        error: String,
    },
    /// It was stopped.
    Cancelled,
}

/// Deaths that end a job. One may be bad luck.
pub const MAX_DEATHS: u64 = 2;

/// What becomes of a job when what worked on it has died: it is tried once more, unless it has had `deaths` enough or
/// `attempt` was the last of so many.
pub fn outcome_of_death(deaths: u64, attempt: u64, attempts: u64, error: &str) -> JobOutcome {
    let error = error.to_owned();
    if deaths + 1 >= MAX_DEATHS || attempt >= attempts {
        JobOutcome::Failed { error }
    } else {
        JobOutcome::Died { error }
    }
}

/// What becomes of a job whose lease has lapsed, with which it stood at `status`: its node is lost, which is a death at
/// it. One that was to stop has stopped.
pub fn outcome_of_expired_lease(status: JobStatus, deaths: u64, lease: u64, attempts: u64, error: &str) -> JobOutcome {
    if status == JobStatus::Cancelling {
        JobOutcome::Cancelled
    } else {
        outcome_of_death(deaths, lease, attempts, error)
    }
}

impl JobOutcome {
    /// What becomes of a job that stands at `before`: one that was asked to stop has been stopped, whatever came out.
    pub const fn status(&self, before: JobStatus) -> JobStatus {
        match (before, self) {
            (JobStatus::Cancelling, _) | (_, Self::Cancelled) => JobStatus::Cancelled,
            (_, Self::Completed { .. }) => JobStatus::Completed,
            (_, Self::Failed { .. }) => JobStatus::Failed,
            (_, Self::Retry { .. } | Self::Died { .. }) => JobStatus::Pending,
        }
    }

    /// The job with what came out of it at the time `at`. Engines write exactly this.
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

    /// How long a job waits that is to be tried again.
    pub const fn wait(&self) -> Duration {
        if let Self::Retry { after, .. } = self { *after } else { Duration::ZERO }
    }

    /// How many deaths it adds to those at the job.
    pub const fn deaths(&self) -> u64 {
        matches!(self, Self::Died { .. }) as u64
    }

    /// Milliseconds of audio that stay on the account of a job that stands at `after` now: what was reserved for one
    /// that goes on, what there was for one that is done, nothing for the others.
    pub const fn kept_ms(&self, after: JobStatus, reserved: u64) -> u64 {
        match (after, self) {
            (JobStatus::Completed, Self::Completed { audio_ms, .. }) => *audio_ms,
            (JobStatus::Pending, _) => reserved,
            _ => 0,
        }
    }
}

/// What came of finishing a job.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishJobOutcome {
    /// It stands like this now.
    Finished(Box<Job>),
    /// The lease did not count any more; nothing was changed.
    Lost,
}

/// The record of a job that the gateway ended at `at`, for the transaction of that. `None`: it has not ended.
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

/// The event of a job that ended, for the outbox in the same transaction.
pub fn ended_event(job: &Job, at: Timestamp) -> Option<Event> {
    Event::of(job, at)
}

/// The steps of the queue. Whatever ends a job writes its record ([`ended_entry`]; for [`crate::JobStore::cancel_job`]
/// the entry that it is given), puts its event ([`ended_event`]) into the outbox, and settles what was reserved for it,
/// in one step.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Leases pending jobs that are due: `pending → running`, `started_at` set when it is the first time. Fair between
    /// tenants: of those but `but` that have a due job and fewer than `per_tenant` running or cancelling, the one with the fewest
    /// of these comes next; of several, the one that was served longest ago; and of its jobs the oldest. So a tenant
    /// waits for one job of another at most, however many that one has.
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>>;

    /// Prolongs leases and notes progress in thousandths (`None`: not known, so the last one stays). An answer for each,
    /// in order.
    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>>;

    /// Ends the work on a job, if the lease still counts.
    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome>;

    /// Applies [`outcome_of_expired_lease`] to up to `limit` jobs whose lease has expired: a running job becomes pending
    /// again, or fails with `error` after its last of `attempts` or its last death; a cancelling job is cancelled. Returns
    /// the jobs that changed, as they are now.
    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;

    /// Cancels pending jobs whose key is revoked, up to `limit`, as the gateway. Gives them as they are now.
    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;

    /// Up to `limit` ended jobs whose tenant keeps them no longer at `at`: `retention_days` of the tenant, else
    /// `default_days`, else for ever; counted from `completed_at`.
    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>>;
}
