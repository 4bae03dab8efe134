//! The steps on jobs.

use crate::{
    SqliteStore, claims, feed,
    page::{self, page},
    row::{self, job_columns},
    tenants,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Job, JobId, JobStatus, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{ActiveJobs, CancelJob, Claim, DeleteJob, InsertJob, JobStore, StoreResult};
use sqlx::SqliteConnection;

const INSERT: &str =
    concat!("INSERT INTO jobs (", job_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

pub(crate) const FIND: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ? AND tenant_id = ?");

pub(crate) const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?)";

pub(crate) const LIST: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = ? AND ", page!());

pub(crate) const LIST_OF_STATUS: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = ? AND status = ? AND ", page!());

pub(crate) const COUNT: &str = "SELECT count(*) FROM jobs WHERE tenant_id = ? AND status = ?";

pub(crate) const STATUS: &str = "SELECT status FROM jobs WHERE id = ? AND tenant_id = ?";

pub(crate) const MOVE: &str = "UPDATE jobs SET status = ?, completed_at = ifnull(?, completed_at) WHERE id = ?";

pub(crate) const DELETE: &str = "DELETE FROM jobs WHERE id = ?";

async fn status(change: &mut SqliteConnection, tenant: &TenantId, id: JobId) -> sqlx::Result<Option<JobStatus>> {
    let find = sqlx::query(STATUS).bind(id.to_string()).bind(tenant.as_str());
    find.try_map(|row| row::parsed(&row, "status")).fetch_optional(change).await
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn insert_job(&self, job: &Job, claim: Option<&Claim>, entry: &AuditEntry) -> StoreResult<InsertJob> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            if let Some(repeated) = claims::repeated(&mut change, claim, now).await? {
                return Ok(InsertJob::Repeated(repeated));
            }
            if !tenants::exists(&mut change, &job.tenant).await? {
                return Ok(InsertJob::UnknownTenant);
            }
            claims::make(&mut change, claim, job.id.to_string(), now).await?;
            row::bind_job(sqlx::query(INSERT), job).execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(InsertJob::Inserted)
        })
        .await
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str()).try_map(|row| row::job(&row));
        self.call(find.fetch_optional(&self.readers)).await
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        self.call(sqlx::query_scalar(EXISTS).bind(id.to_string()).fetch_one(&self.readers)).await
    }

    async fn jobs(
        &self,
        tenant: &TenantId,
        request: &PageRequest,
        status: Option<JobStatus>,
    ) -> StoreResult<Page<Job>> {
        let list = match status {
            None => sqlx::query(LIST).bind(tenant.as_str()),
            Some(status) => sqlx::query(LIST_OF_STATUS).bind(tenant.as_str()).bind(status.as_str()),
        };
        let list = page::bind(list, request).try_map(|row| row::job(&row));
        let jobs = self.call(list.fetch_all(&self.readers)).await?;
        Ok(Page::cut(jobs, request.limit, |job| Cursor { created_at: job.created_at, id: job.id.to_string() }))
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        self.call(async {
            // All three counts see the same moment.
            let mut moment = self.readers.begin().await?;
            let mut active = ActiveJobs::default();
            for (status, number) in [
                (JobStatus::Pending, &mut active.pending),
                (JobStatus::Running, &mut active.running),
                (JobStatus::Cancelling, &mut active.cancelling),
            ] {
                let count = sqlx::query_scalar(COUNT).bind(tenant.as_str()).bind(status.as_str());
                *number = count.fetch_one(&mut *moment).await?;
            }
            Ok(active)
        })
        .await
    }

    async fn cancel_job(
        &self,
        tenant: &TenantId,
        id: JobId,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> StoreResult<CancelJob> {
        self.call(async {
            let mut change = self.change().await?;
            let Some(before) = status(&mut change, tenant, id).await? else { return Ok(CancelJob::Unknown) };
            let Some(after) = before.cancelled() else { return Ok(CancelJob::Ended(before)) };
            if before != after {
                sqlx::query(MOVE)
                    .bind(after.as_str())
                    .bind(after.is_ended().then_some(at.as_micros()))
                    .bind(id.to_string())
                    .execute(&mut *change)
                    .await?;
                feed::record(&mut change, entry).await?;
                change.commit().await?;
            }
            Ok(if after.is_ended() { CancelJob::Cancelled } else { CancelJob::Cancelling })
        })
        .await
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJob> {
        self.call(async {
            let mut change = self.change().await?;
            match status(&mut change, tenant, id).await? {
                None => Ok(DeleteJob::Unknown),
                Some(status) if !status.is_ended() => Ok(DeleteJob::NotEnded),
                Some(_) => {
                    sqlx::query(DELETE).bind(id.to_string()).execute(&mut *change).await?;
                    feed::record(&mut change, entry).await?;
                    change.commit().await?;
                    Ok(DeleteJob::Deleted)
                }
            }
        })
        .await
    }
}
