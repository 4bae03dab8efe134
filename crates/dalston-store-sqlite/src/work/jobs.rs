//! The operations on jobs.

use super::job_row::{self, job_columns};
use super::{
    meter,
    queued::{self, queued_columns},
};
use crate::{
    SqliteStore, claims, feed,
    page::{self, page},
    row, tenants,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{IdempotencyKey, StoreResult};
use dalston_work::{
    ActiveJobs, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobId, JobOutcome, JobStatus, JobStore,
    QuotaExceeded, QuotaKind, ReserveOutcome,
};
use serde_json::Value;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::collections::HashMap;

const INSERT: &str = concat!(
    "INSERT INTO jobs (",
    job_columns!(),
    ", reserved_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);

pub(crate) const FIND: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ? AND tenant_id = ?");

pub(crate) const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?)";

pub(crate) const LIST: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = ? AND ", page!());

pub(crate) const LIST_OF_STATUS: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = ? AND status = ? AND ", page!());

pub(crate) const COUNT: &str = "SELECT count(*) FROM jobs WHERE tenant_id = ? AND status = ?";

/// Counts only up to the limit.
pub(crate) const COUNT_OF_TENANT: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_by_status \
     WHERE tenant_id = ? AND status IN ('pending', 'running', 'cancelling') LIMIT ?)";

pub(crate) const COUNT_OF_KEY: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_unended \
     WHERE created_by = ? AND status IN ('pending', 'running', 'cancelling') LIMIT ?)";

pub(crate) const STATUS: &str = "SELECT status FROM jobs WHERE id = ? AND tenant_id = ?";

pub(crate) const FIND_QUEUED: &str = concat!("SELECT ", queued_columns!(), " FROM jobs WHERE id = ? AND tenant_id = ?");

pub(crate) const STOP: &str = "UPDATE jobs SET status = 'cancelling' WHERE id = ?";

pub(crate) const DELETE: &str = "DELETE FROM jobs WHERE id = ?";

async fn status(change: &mut SqliteConnection, tenant: &TenantId, id: JobId) -> sqlx::Result<Option<JobStatus>> {
    let find = sqlx::query(STATUS).bind(id.to_string()).bind(tenant.as_str());
    find.try_map(|row| row::parsed(&row, "status")).fetch_optional(change).await
}

const SET_RETENTION: &str = "INSERT OR REPLACE INTO retention (tenant_id, days) VALUES (?, ?)";

pub(crate) const CLEAR_RETENTION: &str = "DELETE FROM retention WHERE tenant_id = ?";

/// The batch is one JSON parameter. Returns a row for each tenant in it that has its own retention, in any order.
pub(crate) const RETENTION: &str =
    "SELECT tenant_id, days FROM json_each(?) AS asked CROSS JOIN retention ON tenant_id = asked.value";

/// Returns the quota that the new job would exceed, if any.
async fn crowded(change: &mut SqliteConnection, job: &Job) -> sqlx::Result<Option<QuotaExceeded>> {
    for bound in meter::bounds(change, &job.tenant, job.key(), QuotaKind::Jobs).await? {
        let count = if bound.of_key {
            sqlx::query_scalar(COUNT_OF_KEY).bind(super::text(job.key()))
        } else {
            sqlx::query_scalar(COUNT_OF_TENANT).bind(job.tenant.to_string())
        };
        let unended: u32 = count.bind(bound.most).fetch_one(&mut *change).await?;
        if unended >= bound.most {
            return Ok(Some(bound));
        }
    }
    Ok(None)
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            if let Some(repeated) = claims::repeated(&mut change, claim, now).await? {
                return Ok(InsertJobOutcome::Repeated(repeated));
            }
            if !tenants::exists(&mut change, &job.tenant).await? {
                return Ok(InsertJobOutcome::UnknownTenant);
            }
            if let Some(excess) = crowded(&mut change, job).await? {
                return Ok(InsertJobOutcome::Excess(excess));
            }
            let reserved_ms = match meter::reserve(&mut change, &job.account(), job.amount()).await? {
                ReserveOutcome::Granted(ms) => ms,
                ReserveOutcome::Exhausted(excess) => return Ok(InsertJobOutcome::Excess(excess)),
            };
            claims::make(&mut change, claim, job.id.to_string(), now).await?;
            let insert = job_row::bind_job(sqlx::query(INSERT), job).bind(row::count(reserved_ms));
            insert.execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(InsertJobOutcome::Inserted)
        })
        .await
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str()).try_map(|row| job_row::job(&row));
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
        let list = page::bind(list, request).try_map(|row| job_row::job(&row));
        let jobs = self.call(list.fetch_all(&self.readers)).await?;
        Ok(Page::cut(jobs, request.limit, |job| Cursor { created_at: job.created_at, id: job.id.to_string() }))
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        self.call(async {
            // All three counts need the same snapshot.
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
    ) -> StoreResult<CancelJobOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let find = sqlx::query(FIND_QUEUED).bind(id.to_string()).bind(tenant.as_str());
            let found = find.try_map(|row| queued::queued(&row)).fetch_optional(&mut *change).await?;
            let Some(queued) = found else { return Ok(CancelJobOutcome::Unknown) };
            match queued.job.status {
                JobStatus::Pending => {
                    queued.write(&mut change, &JobOutcome::Cancelled, at, self.clock.now()).await?;
                    feed::record(&mut change, entry).await?;
                    change.commit().await?;
                    Ok(CancelJobOutcome::Cancelled)
                }
                JobStatus::Running => {
                    sqlx::query(STOP).bind(id.to_string()).execute(&mut *change).await?;
                    feed::record(&mut change, entry).await?;
                    change.commit().await?;
                    Ok(CancelJobOutcome::Cancelling)
                }
                JobStatus::Cancelling => Ok(CancelJobOutcome::Cancelling),
                ended => Ok(CancelJobOutcome::Ended(ended)),
            }
        })
        .await
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            match status(&mut change, tenant, id).await? {
                None => Ok(DeleteJobOutcome::Unknown),
                Some(status) if !status.is_ended() => Ok(DeleteJobOutcome::NotEnded),
                Some(_) => {
                    sqlx::query(DELETE).bind(id.to_string()).execute(&mut *change).await?;
                    feed::record(&mut change, entry).await?;
                    change.commit().await?;
                    Ok(DeleteJobOutcome::Deleted)
                }
            }
        })
        .await
    }

    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if !tenants::exists(&mut change, id).await? {
                return Ok(false);
            }
            let set = match days {
                Some(days) => sqlx::query(SET_RETENTION).bind(id.as_str()).bind(days),
                None => sqlx::query(CLEAR_RETENTION).bind(id.as_str()),
            };
            set.execute(&mut *change).await?;
            feed::record(&mut change, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>> {
        let asked = tenants.iter().map(TenantId::as_str).collect::<Value>().to_string();
        let days = sqlx::query(RETENTION).bind(asked);
        let days = days.try_map(|row: SqliteRow| Ok((row::parsed(&row, "tenant_id")?, row.try_get("days")?)));
        let days: HashMap<TenantId, u32> = self.call(days.fetch_all(&self.readers)).await?.into_iter().collect();
        Ok(tenants.iter().map(|tenant| days.get(tenant).copied()).collect())
    }
}
