//! Queue operations of the in-memory engine.

use super::{MemoryWorkStore, QueueEntry, WorkTransaction};
use crate::{
    FairScheduler, FinishJobOutcome, HeartbeatOutcome, Job, JobId, JobLease, JobLeaseRequest, JobOutcome, JobStatus,
    LeasedJob, QueueStore, WaitingTenant, ended_entry, ended_event, outcome_of_expired_lease,
};
use async_trait::async_trait;
use dalston_model::{TenantId, Timestamp};
use dalston_store::StoreResult;
use std::{cmp::Reverse, collections::HashMap, time::Duration};

impl WorkTransaction<'_> {
    /// Stores the job. If it has ended, also writes its audit record, enqueues its event and settles its reservation to
    /// `kept_ms`.
    fn store_transition(&mut self, job: Job, kept_ms: u64, at: Timestamp) -> Job {
        if let Some(entry) = ended_entry(&job, at) {
            self.record(&entry);
        }
        self.ended(&job, kept_ms, at);
        self.work.jobs.insert(job.id, job.clone());
        job
    }

    /// Applies the effects of a job's end except the audit record: enqueues the event and settles the reservation. Does
    /// nothing when the job has not ended.
    pub(super) fn ended(&mut self, job: &Job, kept_ms: u64, at: Timestamp) {
        let Some(event) = ended_event(job, at) else { return };
        self.enqueue_event(&event);
        if let Some(queued) = self.work.queue.get_mut(&job.id) {
            queued.lease_ends = None;
            let reserved = std::mem::replace(&mut queued.reserved_ms, kept_ms);
            let change = i64::try_from(kept_ms).unwrap_or(i64::MAX) - i64::try_from(reserved).unwrap_or(i64::MAX);
            self.settle(&job.account(), change);
        }
    }

    /// Returns the job, if the lease is valid.
    fn leased_job(&self, lease: &JobLease) -> Option<&Job> {
        let job = self.work.jobs.get(&lease.job).filter(|job| job.tenant == lease.tenant)?;
        let counts = self.work.queue.get(&lease.job)?.fence == lease.fence;
        (counts && matches!(job.status, JobStatus::Running | JobStatus::Cancelling)).then_some(job)
    }

    /// Returns the due jobs of each tenant, oldest last.
    fn due(&self, now: Timestamp) -> HashMap<TenantId, Vec<(Timestamp, JobId)>> {
        let mut due = HashMap::<TenantId, Vec<_>>::new();
        for job in self.work.jobs.values().filter(|job| job.status == JobStatus::Pending) {
            if self.work.queue.get(&job.id).is_none_or(|queued| queued.due_at <= now) {
                due.entry(job.tenant.clone()).or_default().push((job.created_at, job.id));
            }
        }
        for jobs in due.values_mut() {
            jobs.sort_by_key(|job| Reverse(*job));
        }
        due
    }

    fn running(&self, tenant: &TenantId) -> u64 {
        let is_running = |job: &&Job| matches!(job.status, JobStatus::Running | JobStatus::Cancelling);
        let running = self.work.jobs.values().filter(|job| job.tenant == *tenant).filter(is_running).count();
        u64::try_from(running).unwrap_or(u64::MAX)
    }
}

#[async_trait]
impl QueueStore for MemoryWorkStore {
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let mut leased = Vec::new();
        let mut due = state.due(now);
        let mut turns = FairScheduler::new(ask, state.work.serving);
        for (tenant, jobs) in &mut due {
            let served = state.work.served.get(tenant).copied().unwrap_or_default();
            let Some(job) = jobs.pop() else { continue };
            turns.wait(WaitingTenant { tenant: tenant.clone(), running: state.running(tenant), served, job });
        }
        for _ in 0..ask.limit {
            let Some((WaitingTenant { tenant, running, job: (_, id), .. }, number)) = turns.serve() else { break };
            let Some(job) = state.work.jobs.get_mut(&id) else { break };
            job.status = JobStatus::Running;
            job.started_at = job.started_at.or(Some(now));
            job.progress = None;
            let job = job.clone();
            let queued = state.work.queue.entry(id).or_insert_with(|| QueueEntry::new(now, 0));
            queued.fence += 1;
            queued.lease_ends = Some(now.plus(ask.ttl));
            let reserved_ms = queued.reserved_ms;
            let lease = JobLease { tenant: job.tenant.clone(), job: id, fence: queued.fence };
            let deaths = queued.deaths;
            state.work.serving = number;
            state.work.served.insert(tenant.clone(), number);
            leased.push(LeasedJob { job, lease, deaths, reserved_ms });
            if let Some(next) = due.get_mut(&tenant).and_then(Vec::pop) {
                turns.requeue(tenant, running, number, next);
            }
        }
        Ok(leased)
    }

    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let mut beats = Vec::with_capacity(leases.len());
        for (lease, progress) in leases {
            let Some(status) = state.leased_job(lease).map(|job| job.status) else {
                beats.push(HeartbeatOutcome::Lost);
                continue;
            };
            if let Some(queued) = state.work.queue.get_mut(&lease.job) {
                queued.lease_ends = Some(now.plus(ttl));
            }
            if let Some(job) = state.work.jobs.get_mut(&lease.job) {
                job.progress = progress.or(job.progress);
            }
            beats.push(if status == JobStatus::Cancelling {
                HeartbeatOutcome::Cancelling
            } else {
                HeartbeatOutcome::Held
            });
        }
        Ok(beats)
    }

    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let Some(job) = state.leased_job(lease).cloned() else { return Ok(FinishJobOutcome::Lost) };
        let job = outcome.apply(job, at);
        if let Some(queued) = state.work.queue.get_mut(&job.id) {
            queued.lease_ends = None;
            queued.due_at = now.plus(outcome.wait());
            queued.deaths += outcome.deaths();
        }
        let kept = outcome.kept_ms(job.status, 0);
        Ok(FinishJobOutcome::Finished(Box::new(state.store_transition(job, kept, at))))
    }

    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        let lapsed =
            |id: &JobId| state.work.queue.get(id).is_some_and(|it| it.lease_ends.is_some_and(|end| end <= now));
        let mut lost: Vec<Job> = state.work.jobs.values().filter(|job| lapsed(&job.id)).cloned().collect();
        lost.sort_by_key(|job| (job.created_at, job.id));
        lost.truncate(limit.try_into().unwrap_or(usize::MAX));
        let mut moved = Vec::with_capacity(lost.len());
        for job in lost {
            let Some(queued) = state.work.queue.get_mut(&job.id) else { continue };
            let outcome = outcome_of_expired_lease(job.status, queued.deaths, queued.fence, attempts, error);
            queued.lease_ends = None;
            queued.due_at = now;
            queued.deaths += outcome.deaths();
            let job = outcome.apply(job, at);
            moved.push(state.store_transition(job, 0, at));
        }
        Ok(moved)
    }

    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        let mut state = WorkTransaction::of(self);
        let revoked = |job: &&Job| {
            let key = job.key().and_then(|id| state.key_of(id));
            job.status == JobStatus::Pending && key.is_some_and(|key| key.revoked_at.is_some())
        };
        let mut orphans: Vec<Job> = state.work.jobs.values().filter(revoked).cloned().collect();
        orphans.sort_by_key(|job| (job.created_at, job.id));
        orphans.truncate(limit.try_into().unwrap_or(usize::MAX));
        let cancelled =
            orphans.into_iter().map(|job| state.store_transition(JobOutcome::Cancelled.apply(job, at), 0, at));
        Ok(cancelled.collect())
    }

    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        let state = WorkTransaction::of(self);
        let expired = |job: &&Job| {
            let own = state.work.retention.get(&job.tenant).copied();
            let ends = own.or(default_days).zip(job.completed_at);
            job.status.is_ended()
                && ends.is_some_and(|(days, ended)| ended.plus(Duration::from_secs(u64::from(days) * 86_400)) <= at)
        };
        let mut jobs: Vec<Job> = state.work.jobs.values().filter(expired).cloned().collect();
        jobs.sort_by_key(|job| Reverse((job.completed_at, job.id)));
        jobs.reverse();
        jobs.truncate(limit.try_into().unwrap_or(usize::MAX));
        Ok(jobs)
    }
}
