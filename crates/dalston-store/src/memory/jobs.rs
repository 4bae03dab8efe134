//! The steps on jobs, in memory.

use super::{MemoryStore, Queued, page};
use crate::{ActiveJobs, CancelJob, Claim, DeleteJob, InsertJob, JobStore, Reserve, StoreResult};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Cursor, Job, JobId, JobStatus, Limited, Page, PageRequest, Subject, TenantId, Timestamp,
};

#[async_trait]
impl JobStore for MemoryStore {
    async fn insert_job(&self, job: &Job, claim: Option<&Claim>, entry: &AuditEntry) -> StoreResult<InsertJob> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(repeated) = state.repeated(claim, now) {
            return Ok(InsertJob::Repeated(repeated));
        }
        if !state.tenants.contains_key(&job.tenant) {
            return Ok(InsertJob::UnknownTenant);
        }
        let count = |subject: &Subject| {
            let of =
                |it: &&Job| it.tenant == *subject.tenant() && subject.key().is_none_or(|key| it.key() == Some(key));
            state.jobs.values().filter(|it| !it.status.is_ended()).filter(of).count()
        };
        if let Some(excess) = state.crowded(&job.tenant, job.key(), Limited::Jobs, count) {
            return Ok(InsertJob::Excess(excess));
        }
        let reserved_ms = match state.reserve(&job.account(), job.amount()) {
            Reserve::Granted(ms) => ms,
            Reserve::Exhausted(excess) => return Ok(InsertJob::Excess(excess)),
        };
        state.queue.insert(job.id, Queued::new(now, reserved_ms));
        state.claim(claim, job.id.to_string());
        state.jobs.insert(job.id, job.clone());
        state.record(entry);
        Ok(InsertJob::Inserted)
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        Ok(self.state().jobs.get(&id).filter(|job| job.tenant == *tenant).cloned())
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        Ok(self.state().jobs.contains_key(&id))
    }

    async fn jobs(
        &self,
        tenant: &TenantId,
        request: &PageRequest,
        status: Option<JobStatus>,
    ) -> StoreResult<Page<Job>> {
        let state = self.state();
        let shown = |job: &&Job| job.tenant == *tenant && status.is_none_or(|status| job.status == status);
        let jobs = state.jobs.values().filter(shown).cloned().collect();
        Ok(page(jobs, request, |job| Cursor { created_at: job.created_at, id: job.id.to_string() }))
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        let mut active = ActiveJobs::default();
        for job in self.state().jobs.values().filter(|job| job.tenant == *tenant) {
            match job.status {
                JobStatus::Pending => active.pending += 1,
                JobStatus::Running => active.running += 1,
                JobStatus::Cancelling => active.cancelling += 1,
                JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => {}
            }
        }
        Ok(active)
    }

    async fn cancel_job(
        &self,
        tenant: &TenantId,
        id: JobId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<CancelJob> {
        let mut state = self.state();
        let Some(job) = state.jobs.get_mut(&id).filter(|job| job.tenant == *tenant) else {
            return Ok(CancelJob::Unknown);
        };
        let before = job.status;
        let Some(after) = before.cancelled() else { return Ok(CancelJob::Ended(before)) };
        job.status = after;
        if after.is_ended() {
            job.completed_at = Some(at);
        }
        if before != after {
            let job = job.clone();
            state.record(entry);
            state.ended(&job, 0, at);
        }
        Ok(if after.is_ended() { CancelJob::Cancelled } else { CancelJob::Cancelling })
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJob> {
        let mut state = self.state();
        match state.jobs.get(&id).filter(|job| job.tenant == *tenant) {
            None => Ok(DeleteJob::Unknown),
            Some(job) if !job.status.is_ended() => Ok(DeleteJob::NotEnded),
            Some(_) => {
                state.jobs.remove(&id);
                state.queue.remove(&id);
                state.record(entry);
                Ok(DeleteJob::Deleted)
            }
        }
    }
}
