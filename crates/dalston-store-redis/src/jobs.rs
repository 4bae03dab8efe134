//! The steps on jobs.

use crate::{
    RedisStore,
    audit::AuditArgument,
    call::Call,
    job::{self, JobRow},
    page,
    row::argument,
    scripts::{self, ClaimArgument, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Job, JobId, JobStatus, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{ActiveJobs, CancelJob, Claim, DeleteJob, InsertJob, JobStore, StoreResult};

#[async_trait]
impl JobStore for RedisStore {
    async fn insert_job(&self, job: &Job, claim: Option<&Claim>, entry: &AuditEntry) -> StoreResult<InsertJob> {
        let given = job::JobArgument::new(job, claim.map(ClaimArgument::new), AuditArgument::new(entry)?)?;
        let mut script = SCRIPTS.insert_job.key(scripts::job(job.id));
        script.key(scripts::jobs(&job.tenant, None)).key(scripts::jobs(&job.tenant, Some(job.status)));
        let answer: Vec<String> = self.link.call().run(script.arg(argument(&given)?).arg(self.now())).await?;
        match answer.as_slice() {
            [word] if word == "inserted" => Ok(InsertJob::Inserted),
            [word] if word == "unknown_tenant" => Ok(InsertJob::UnknownTenant),
            answer => scripts::repeated(claim, answer).map(InsertJob::Repeated),
        }
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        self.read(&self.link.call(), tenant, id).await
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        self.link.call().ask(redis::cmd("EXISTS").arg(scripts::job(id))).await
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
    ) -> StoreResult<CancelJob> {
        let call = self.link.call();
        // A job moves at most four times: this ends.
        loop {
            let Some(job) = self.read(&call, tenant, id).await? else { return Ok(CancelJob::Unknown) };
            let Some(after) = job.status.cancelled() else { return Ok(CancelJob::Ended(job.status)) };
            let ended = if after.is_ended() { at.as_micros().to_string() } else { String::new() };
            let mut script = SCRIPTS.change_job.key(scripts::job(id));
            script.key(scripts::jobs(tenant, Some(job.status))).key(scripts::jobs(tenant, Some(after)));
            script
                .arg(id.to_string())
                .arg(job.status.as_str())
                .arg(after.as_str())
                .arg(ended)
                .arg(argument(&AuditArgument::new(entry)?)?);
            if job.status == after || call.run::<u8>(&script).await? == 1 {
                return Ok(if after.is_ended() { CancelJob::Cancelled } else { CancelJob::Cancelling });
            }
        }
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJob> {
        let call = self.link.call();
        let Some(job) = self.read(&call, tenant, id).await? else { return Ok(DeleteJob::Unknown) };
        if !job.status.is_ended() {
            return Ok(DeleteJob::NotEnded);
        }
        let mut script = SCRIPTS.delete_job.key(scripts::job(id));
        script.key(scripts::jobs(tenant, None)).key(scripts::jobs(tenant, Some(job.status)));
        script.arg(id.to_string()).arg(job.status.as_str()).arg(argument(&AuditArgument::new(entry)?)?);
        // An ended job changes no more: when it is not as it was, it is gone.
        Ok(if call.run::<u8>(&script).await? == 1 { DeleteJob::Deleted } else { DeleteJob::Unknown })
    }
}

impl RedisStore {
    async fn read(&self, call: &Call<'_>, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        let mut read = redis::cmd("HMGET");
        read.arg(scripts::job(id)).arg(&job::FIELDS);
        let row = JobRow::new(id, call.ask(&read).await?);
        Ok(row.map(JobRow::job).transpose()?.filter(|job| job.tenant == *tenant))
    }
}
