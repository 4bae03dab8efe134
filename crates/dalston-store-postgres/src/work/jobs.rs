//! Storing and finding jobs, in Postgres.

use super::{ending, meter::Quotas, row, row::job_columns};
use crate::{PostgresStore, change::Change, claims, page::Bounds, pg_timestamp::PgTimestamp, tenants};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Cursor, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{IdempotencyKey, StoreResult};
use dalston_work::{
    ActiveJobs, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobId, JobOutcome, JobStatus, JobStore,
    QuotaExceeded, QuotaKind, ReserveOutcome,
};
use sqlx::{PgConnection, postgres::PgRow};
use uuid::Uuid;

/// The statement of a page, with the conditions besides the tenant.
macro_rules! page_sql {
    ($($and:literal)?) => {
        concat!(
            "SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)", $($and,)?
            " ORDER BY created_at DESC, id DESC OFFSET $4 LIMIT $5"
        )
    };
}

const SET_RETENTION: &str = "INSERT INTO retention (tenant_id, days) VALUES ($1, $2) \
     ON CONFLICT (tenant_id) DO UPDATE SET days = excluded.days";

/// Counts the jobs that have not ended, up to $2.
macro_rules! open_sql {
    ($($and:literal)?) => {
        concat!(
            "SELECT count(*) FROM (SELECT FROM jobs WHERE tenant_id = $1 AND status IN ('pending', 'running', \
             'cancelling')", $($and,)? " LIMIT $2) AS open"
        )
    };
}

const SELECT: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE tenant_id = $1 AND id = $2");

async fn find(conn: &mut PgConnection, tenant: &TenantId, id: JobId) -> sqlx::Result<Option<Job>> {
    let query = sqlx::query(SELECT).bind(tenant.as_str()).bind(id.as_uuid());
    query.try_map(|row| row::job(&row)).fetch_optional(conn).await
}

/// Returns the first limit on concurrent jobs that is reached. Counts no further than the limit.
async fn crowded(conn: &mut PgConnection, job: &Job, quotas: &Quotas) -> sqlx::Result<Option<QuotaExceeded>> {
    for (key, excess) in quotas.at_once(QuotaKind::Jobs) {
        let sql = if key.is_some() { open_sql!(" AND created_by = $3") } else { open_sql!() };
        let query = sqlx::query_scalar::<_, i64>(sql).bind(job.tenant.as_str()).bind(i64::from(excess.most));
        let query = if let Some(key) = key { query.bind(key.to_string()) } else { query };
        if query.fetch_one(&mut *conn).await? >= i64::from(excess.most) {
            return Ok(Some(excess));
        }
    }
    Ok(None)
}

async fn insert(conn: &mut PgConnection, job: &Job, reserved_ms: u64, now: Option<PgTimestamp>) -> sqlx::Result<()> {
    let sql = concat!(
        "INSERT INTO jobs (",
        job_columns!(),
        ", reserved_ms, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8, $9, $10::text::json, $11, $12, \
         $13, $14, $15, $16::text::json, $17::text::json, $18, $19, coalesce($20, clock_timestamp()))"
    );
    let json = |error: serde_json::Error| sqlx::Error::Encode(error.into());
    let audio = serde_json::to_string(&job.audio).map_err(json)?;
    let options = serde_json::to_string(&job.options).map_err(json)?;
    sqlx::query(sql)
        .bind(job.id.as_uuid())
        .bind(job.tenant.as_str())
        .bind(job.status.as_str())
        .bind(job.filename.as_ref().map(dalston_model::FileName::as_str))
        .bind(&job.content_type)
        .bind(row::bigint(job.size_bytes)?)
        .bind(audio)
        .bind(&job.model)
        .bind(&job.language)
        .bind(job.metadata.to_string())
        .bind(PgTimestamp(job.created_at))
        .bind(job.created_by.map(|actor| actor.to_string()))
        .bind(job.started_at.map(PgTimestamp))
        .bind(job.completed_at.map(PgTimestamp))
        .bind(&job.error)
        .bind(job.result.as_ref().map(ToString::to_string))
        .bind(options)
        .bind(job.progress.map(i32::from))
        .bind(row::bigint(reserved_ms)?)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn insert_job(
        &self,
        job: &Job,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertJobOutcome> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            if let Some(repeated) = claims::repeated(change.conn(), claim, now).await? {
                return Ok(InsertJobOutcome::Repeated(repeated));
            }
            if !tenants::exists(change.conn(), &job.tenant).await? {
                return Ok(InsertJobOutcome::UnknownTenant);
            }
            let quotas = Quotas::read(change.conn(), &job.tenant, job.key()).await?;
            if let Some(excess) = crowded(change.conn(), job, &quotas).await? {
                return Ok(InsertJobOutcome::Excess(excess));
            }
            let reserved_ms = match quotas.reserve(change.conn(), &job.account(), job.amount()).await? {
                ReserveOutcome::Granted(ms) => ms,
                ReserveOutcome::Exhausted(excess) => return Ok(InsertJobOutcome::Excess(excess)),
            };
            claims::make(change.conn(), claim, &job.id.to_string(), now).await?;
            insert(change.conn(), job, reserved_ms, now).await?;
            change.commit(entry).await?;
            Ok(InsertJobOutcome::Inserted)
        })
        .await
    }

    async fn job(&self, tenant: &TenantId, id: JobId) -> StoreResult<Option<Job>> {
        self.call(async { find(&mut *self.lease().await?, tenant, id).await }).await
    }

    async fn job_exists(&self, id: JobId) -> StoreResult<bool> {
        self.call(async {
            let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM jobs WHERE id = $1)").bind(id.as_uuid());
            query.fetch_one(&mut *self.lease().await?).await
        })
        .await
    }

    async fn jobs(
        &self,
        tenant: &TenantId,
        request: &PageRequest,
        status: Option<JobStatus>,
    ) -> StoreResult<Page<Job>> {
        self.call(async {
            let sql = if status.is_some() { page_sql!(" AND status = $6") } else { page_sql!() };
            let Bounds { before, id, skip, limit } = Bounds::of(request, JobId::from_uuid(Uuid::nil()));
            let query = sqlx::query(sql).bind(tenant.as_str()).bind(before).bind(id.as_uuid()).bind(skip).bind(limit);
            let query = if let Some(status) = status { query.bind(status.as_str()) } else { query };
            let rows = query.try_map(|row| row::job(&row)).fetch_all(&mut *self.lease().await?).await?;
            Ok(Page::cut(rows, request.limit, |job| Cursor { created_at: job.created_at, id: job.id.to_string() }))
        })
        .await
    }

    async fn active_jobs(&self, tenant: &TenantId) -> StoreResult<ActiveJobs> {
        self.call(async {
            let sql = "SELECT count(*) FILTER (WHERE status = 'pending') AS pending, \
                       count(*) FILTER (WHERE status = 'running') AS running, \
                       count(*) FILTER (WHERE status = 'cancelling') AS cancelling \
                       FROM jobs WHERE tenant_id = $1 AND status IN ('pending', 'running', 'cancelling')";
            let read = |row: PgRow| {
                Ok(ActiveJobs {
                    pending: row::count(&row, "pending")?,
                    running: row::count(&row, "running")?,
                    cancelling: row::count(&row, "cancelling")?,
                })
            };
            sqlx::query(sql).bind(tenant.as_str()).try_map(read).fetch_one(&mut *self.lease().await?).await
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
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let Some(queued) = ending::lock(change.conn(), tenant, id).await? else {
                return Ok(CancelJobOutcome::Unknown);
            };
            let before = queued.job.status;
            let Some(after) = before.cancelled() else { return Ok(CancelJobOutcome::Ended(before)) };
            if after.is_ended() {
                ending::moved(change, queued, &JobOutcome::Cancelled, self.now(), at, Some(entry)).await?;
                return Ok(CancelJobOutcome::Cancelled);
            }
            if after != before {
                let query = sqlx::query("UPDATE jobs SET status = $2 WHERE id = $1");
                query.bind(id.as_uuid()).bind(after.as_str()).execute(change.conn()).await?;
                change.commit(entry).await?;
            }
            Ok(CancelJobOutcome::Cancelling)
        })
        .await
    }

    async fn delete_job(&self, tenant: &TenantId, id: JobId, entry: &AuditEntry) -> StoreResult<DeleteJobOutcome> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            match find(change.conn(), tenant, id).await? {
                None => Ok(DeleteJobOutcome::Unknown),
                Some(job) if !job.status.is_ended() => Ok(DeleteJobOutcome::NotEnded),
                Some(_) => {
                    let query = sqlx::query("DELETE FROM jobs WHERE id = $1").bind(id.as_uuid());
                    query.execute(change.conn()).await?;
                    change.commit(entry).await?;
                    Ok(DeleteJobOutcome::Deleted)
                }
            }
        })
        .await
    }

    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let known = tenants::exists(change.conn(), id).await?;
            if known {
                let query = match days {
                    Some(days) => sqlx::query(SET_RETENTION).bind(id.as_str()).bind(i64::from(days)),
                    None => sqlx::query("DELETE FROM retention WHERE tenant_id = $1").bind(id.as_str()),
                };
                query.execute(change.conn()).await?;
                change.commit(entry).await?;
            }
            Ok(known)
        })
        .await
    }

    async fn retention(&self, tenants: &[TenantId]) -> StoreResult<Vec<Option<u32>>> {
        self.call(async {
            let sql = "SELECT days FROM unnest($1::text[]) WITH ORDINALITY AS asked (tenant, place) \
                       LEFT JOIN retention ON tenant_id = tenant ORDER BY place";
            let asked: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
            let query = sqlx::query(sql).bind(asked).try_map(|row| row::narrow_option(&row, "days"));
            query.fetch_all(&mut *self.lease().await?).await
        })
        .await
    }
}
