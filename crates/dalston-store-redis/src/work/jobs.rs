//! Storing and finding jobs.

use super::{
    job::{self, JobRow, QueuedJob},
    job_transition::JobTransition,
    quota_exceeded,
    scripts::{self, ClaimArgument, SCRIPTS},
};
use crate::{RedisStore, argument::argument, audit::AuditArgument, call::StoreCall, page};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{IdempotencyKey, StoreResult};
use dalston_work::{
    ActiveJobs, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobId, JobStatus, JobStore, ended_event,
};

#[async_trait]
impl JobStore for RedisStore {
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome> {
        let given = job::JobArgument::new(job, claim.map(ClaimArgument::new), AuditArgument::new(entry)?)?;
        let mut script = SCRIPTS.insert_job.key(scripts::job(job.id));
        script.key(scripts::jobs(&job.tenant, None)).key(scripts::jobs(&job.tenant, Some(job.status)));
        let answer: Vec<String> = self.link.call().run(script.arg(argument(&given)?).arg(self.now())).await?;
        match answer.as_slice() {
            [word] if word == "inserted" => Ok(InsertJobOutcome::Inserted),
            [word] if word == "unknown_tenant" => Ok(InsertJobOutcome::UnknownTenant),
            [word, excess @ ..] if word == "excess" => quota_exceeded::read(excess).map(InsertJobOutcome::Excess),
            answer => scripts::repeated(claim, answer).map(InsertJobOutcome::Repeated),
        }
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        Ok(self.queued(&self.link.call(), tenant, id).await?.map(|queued| queued.job))
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        self.link.call().command(redis::cmd("EXISTS").arg(scripts::job(id))).await
    }

    async fn jobs(
        &self,
        tenant: &TenantId,
        request: &PageRequest,
        status: Option<JobStatus>,
    ) -> StoreResult<Page<Job>> {
        let mut script = SCRIPTS.list_jobs.key(scripts::jobs(tenant, status));
        let rows: Vec<JobRow> = self.link.call().run(script.arg(&page::arguments(request))).await?;
        let jobs = rows.into_iter().map(JobRow::job).collect::<StoreResult<Vec<_>>>()?;
        let cursor = |job: &Job| Cursor { created_at: job.created_at, id: job.id.to_string() };
        Ok(Page::cut(jobs, request.limit, cursor))
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        let index = |status| scripts::jobs(tenant, Some(status));
        let mut script = SCRIPTS.count_jobs.key(index(JobStatus::Pending));
        script.key(index(JobStatus::Running)).key(index(JobStatus::Cancelling));
        let (pending, running, cancelling) = self.link.call().run(&script).await?;
        Ok(ActiveJobs { pending, running, cancelling })
    }

    async fn cancel_job(
        &self,
        tenant: &TenantId,
        id: JobId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<CancelJobOutcome> {
        let call = self.link.call();
        // The deadline of the call ends the loop.
        loop {
            let Some(before) = self.queued(&call, tenant, id).await? else { return Ok(CancelJobOutcome::Unknown) };
            let Some(status) = before.job.status.cancelled() else {
                return Ok(CancelJobOutcome::Ended(before.job.status));
            };
            let completed_at = if status.is_ended() { Some(at) } else { before.job.completed_at };
            let after = Job { status, completed_at, ..before.job.clone() };
            let event = ended_event(&after, at);
            let made = JobTransition::new(&before, &after).with_audit(Some(entry)).with_event(event);
            if before.job.status == status || self.apply_transition(&call, made).await? {
                return Ok(if status.is_ended() { CancelJobOutcome::Cancelled } else { CancelJobOutcome::Cancelling });
            }
        }
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome> {
        let call = self.link.call();
        let Some(QueuedJob { job, .. }) = self.queued(&call, tenant, id).await? else {
            return Ok(DeleteJobOutcome::Unknown);
        };
        if !job.status.is_ended() {
            return Ok(DeleteJobOutcome::NotEnded);
        }
        let mut script = SCRIPTS.delete_job.key(scripts::job(id));
        script.key(scripts::jobs(tenant, None)).key(scripts::jobs(tenant, Some(job.status)));
        script.arg(id.to_string()).arg(job.status.as_str()).arg(argument(&AuditArgument::new(entry)?)?);
        // An ended job does not change any more. If its status is not as it was, it was deleted.
        let gone = call.run::<u8>(script.arg(tenant.as_str())).await? == 1;
        Ok(if gone { DeleteJobOutcome::Deleted } else { DeleteJobOutcome::Unknown })
    }

    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool> {
        let mut script = scripts::tenant(&SCRIPTS.set_retention, id);
        script.arg(days.map(|days| days.to_string()).unwrap_or_default());
        script.arg(argument(&AuditArgument::new(entry)?)?).arg(self.now());
        Ok(self.link.call().run::<u8>(&script).await? == 1)
    }

    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>> {
        let mut script = SCRIPTS.read_retention.prepare_invoke();
        for tenant in tenants {
            script.arg(tenant.as_str());
        }
        self.link.call().run(&script).await
    }
}

impl RedisStore {
    /// Returns the tenant's job of this id, with its queue state.
    pub(crate) async fn queued(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        id: JobId,
    ) -> StoreResult<Option<QueuedJob>> {
        let row: JobRow = call.run(&SCRIPTS.read_job.arg(id.to_string())).await?;
        Ok(row.queued()?.filter(|queued| queued.job.tenant == *tenant))
    }
}
