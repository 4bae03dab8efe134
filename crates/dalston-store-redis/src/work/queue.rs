//! The job queue.

use super::{
    job::{JobRow, QueuedJob},
    scripts::SCRIPTS,
};
use crate::{RedisStore, argument::argument};
use async_trait::async_trait;
use dalston_model::{TenantId, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{
    FinishJobOutcome, HeartbeatOutcome, Job, JobLease, JobLeaseRequest, JobOutcome, JobStatus, LeasedJob, QueueStore,
    outcome_of_expired_lease,
};
use serde::Serialize;
use std::time::Duration;

/// A lease as scripts read it.
#[derive(Serialize)]
struct LeaseArgument {
    tenant: String,
    id: String,
    fence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u16>,
}

#[async_trait]
impl QueueStore for RedisStore {
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>> {
        self.file_jobs().await?;
        let mut script = SCRIPTS.lease_jobs.arg(ask.limit);
        script.arg(ask.per_tenant).arg(ask.ttl.as_micros().to_string()).arg(self.now());
        script.arg(argument(&ask.but.iter().map(TenantId::as_str).collect::<Vec<_>>())?);
        let rows: Vec<JobRow> = self.link.call().run(&script).await?;
        let leased = |QueuedJob { job, fence, deaths, reserved_ms }| {
            let lease = JobLease { tenant: job.tenant.clone(), job: job.id, fence };
            LeasedJob { job, lease, deaths, reserved_ms }
        };
        Ok(rows.into_iter().filter_map(JobRow::queued_or_none).map(leased).collect())
    }

    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let given: Vec<_> = leases.iter().map(LeaseArgument::new).collect();
        let mut script = SCRIPTS.beat_jobs.arg(argument(&given)?);
        script.arg(ttl.as_micros().to_string()).arg(self.now());
        let words: Vec<String> = self.link.call().run(&script).await?;
        let beat = |word: String| match word.as_str() {
            "running" => Ok(HeartbeatOutcome::Held),
            "cancelling" => Ok(HeartbeatOutcome::Cancelling),
            "lost" => Ok(HeartbeatOutcome::Lost),
            _ => Err(StoreError::corrupt("the answer of a script")),
        };
        words.into_iter().map(beat).collect()
    }

    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome> {
        let call = self.link.call();
        // The deadline of the call ends the loop.
        loop {
            let Some(before) = self.queued(&call, &lease.tenant, lease.job).await? else {
                return Ok(FinishJobOutcome::Lost);
            };
            if before.fence != lease.fence || !works(before.job.status) {
                return Ok(FinishJobOutcome::Lost);
            }
            if let Some(job) = self.apply_outcome(&call, &before, outcome, None, at).await? {
                return Ok(FinishJobOutcome::Finished(Box::new(job)));
            }
        }
    }

    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        let mut script = SCRIPTS.lapsed_jobs.arg(limit);
        let rows: Vec<(String, JobRow)> = self.link.call().run(script.arg(self.now())).await?;
        let mut moved = Vec::with_capacity(rows.len());
        for (ended, row) in rows {
            let Some(before) = row.queued_or_none().filter(|before| works(before.job.status)) else { continue };
            let outcome = outcome_of_expired_lease(before.job.status, before.deaths, before.fence, attempts, error);
            // Each job is a call with its own deadline, since the caller chooses their number. A job that moved
            // meanwhile was handled by another node.
            moved.extend(self.apply_outcome(&self.link.call(), &before, &outcome, Some(ended), at).await?);
        }
        Ok(moved)
    }

    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.file_jobs().await?;
        let most = limit.try_into().unwrap_or(usize::MAX);
        let (mut cursor, mut cancelled) = ("0".to_owned(), Vec::new());
        loop {
            let left = most.saturating_sub(cancelled.len());
            let mut script = SCRIPTS.orphaned_jobs.arg(&cursor);
            let (next, rows): (String, Vec<JobRow>) = self.link.call().run(script.arg(left)).await?;
            for before in rows.into_iter().filter_map(JobRow::queued_or_none) {
                cancelled
                    .extend(self.apply_outcome(&self.link.call(), &before, &JobOutcome::Cancelled, None, at).await?);
            }
            if next == "0" || cancelled.len() >= most {
                return Ok(cancelled);
            }
            cursor = next;
        }
    }

    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.file_jobs().await?;
        let mut script = SCRIPTS.expired_jobs.arg(default_days.map(|days| days.to_string()).unwrap_or_default());
        let rows: Vec<JobRow> = self.link.call().run(script.arg(at.as_micros()).arg(limit)).await?;
        Ok(rows.into_iter().filter_map(JobRow::queued_or_none).map(|queued| queued.job).collect())
    }
}

/// Returns whether a job of this status is being worked on.
const fn works(status: JobStatus) -> bool {
    matches!(status, JobStatus::Running | JobStatus::Cancelling)
}

impl LeaseArgument {
    fn new((lease, progress): &(JobLease, Option<u16>)) -> Self {
        let JobLease { tenant, job, fence } = lease;
        Self { tenant: tenant.to_string(), id: job.to_string(), fence: fence.to_string(), progress: *progress }
    }
}
