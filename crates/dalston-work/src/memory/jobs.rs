//! Job operations of the in-memory engine.

use super::{MemoryWorkStore, QueueEntry, WorkTransaction};
use crate::{
    ActiveJobs, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobId, JobStatus, JobStore, QuotaKind,
    QuotaOwner, ReserveOutcome,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{IdempotencyKey, StoreResult, sorted_page};

#[async_trait]
impl JobStore for MemoryWorkStore {
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome> {
        let now = self.time();
        let mut state = WorkTransaction::of(self);
        if let Some(repeated) = state.repeated(claim, now) {
            return Ok(InsertJobOutcome::Repeated(repeated));
        }
        if !state.has_tenant(&job.tenant) {
            return Ok(InsertJobOutcome::UnknownTenant);
        }
        let count = |subject: &QuotaOwner| {
            let of =
                |it: &&Job| it.tenant == *subject.tenant() && subject.key().is_none_or(|key| it.key() == Some(key));
            state.work.jobs.values().filter(|it| !it.status.is_ended()).filter(of).count()
        };
        if let Some(excess) = state.exceeded_concurrency(&job.tenant, job.key(), QuotaKind::Jobs, count) {
            return Ok(InsertJobOutcome::Excess(excess));
        }
        let reserved_ms = match state.reserve(&job.account(), job.amount()) {
            ReserveOutcome::Granted(ms) => ms,
            ReserveOutcome::Exhausted(excess) => return Ok(InsertJobOutcome::Excess(excess)),
        };
        state.work.queue.insert(job.id, QueueEntry::new(now, reserved_ms));
        state.claim(claim, job.id.to_string());
        state.work.jobs.insert(job.id, job.clone());
        state.record(entry);
        Ok(InsertJobOutcome::Inserted)
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        Ok(WorkTransaction::of(self).work.jobs.get(&id).filter(|job| job.tenant == *tenant).cloned())
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        Ok(WorkTransaction::of(self).work.jobs.contains_key(&id))
    }

    async fn jobs(
        &self,
        tenant: &TenantId,
        request: &PageRequest,
        status: Option<JobStatus>,
    ) -> StoreResult<Page<Job>> {
        let state = WorkTransaction::of(self);
        let shown = |job: &&Job| job.tenant == *tenant && status.is_none_or(|status| job.status == status);
        let jobs = state.work.jobs.values().filter(shown).cloned().collect();
        Ok(sorted_page(jobs, request, |job| Cursor { created_at: job.created_at, id: job.id.to_string() }))
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        let mut active = ActiveJobs::default();
        for job in WorkTransaction::of(self).work.jobs.values().filter(|job| job.tenant == *tenant) {
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
    ) -> StoreResult<CancelJobOutcome> {
        let mut state = WorkTransaction::of(self);
        let Some(job) = state.work.jobs.get_mut(&id).filter(|job| job.tenant == *tenant) else {
            return Ok(CancelJobOutcome::Unknown);
        };
        let before = job.status;
        let Some(after) = before.cancelled() else { return Ok(CancelJobOutcome::Ended(before)) };
        job.status = after;
        if after.is_ended() {
            job.completed_at = Some(at);
        }
        if before != after {
            let job = job.clone();
            state.record(entry);
            state.ended(&job, 0, at);
        }
        Ok(if after.is_ended() { CancelJobOutcome::Cancelled } else { CancelJobOutcome::Cancelling })
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome> {
        let mut state = WorkTransaction::of(self);
        match state.work.jobs.get(&id).filter(|job| job.tenant == *tenant) {
            None => Ok(DeleteJobOutcome::Unknown),
            Some(job) if !job.status.is_ended() => Ok(DeleteJobOutcome::NotEnded),
            Some(_) => {
                state.work.jobs.remove(&id);
                state.work.queue.remove(&id);
                state.record(entry);
                Ok(DeleteJobOutcome::Deleted)
            }
        }
    }

    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = WorkTransaction::of(self);
        if !state.has_tenant(id) {
            return Ok(false);
        }
        match days {
            Some(days) => state.work.retention.insert(id.clone(), days),
            None => state.work.retention.remove(id),
        };
        state.record(entry);
        Ok(true)
    }

    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>> {
        let state = WorkTransaction::of(self);
        Ok(tenants.iter().map(|tenant| state.work.retention.get(tenant).copied()).collect())
    }
}
