//! The job queue, in Postgres. Leasing a job and renewing its lease are not changes: they lock the rows that they
//! write, and so wait only for a change of the same job.

use super::{
    ending, fair_turns,
    row::{self, QueuedJob, job_columns},
};
use crate::{PostgresStore, change::Change, pg_timestamp::PgTimestamp};
use async_trait::async_trait;
use dalston_model::{TenantId, Timestamp};
use dalston_store::StoreResult;
use dalston_work::{
    FinishJobOutcome, HeartbeatOutcome, Job, JobId, JobLease, JobLeaseRequest, JobOutcome, JobStatus, LeasedJob,
    QueueStore, outcome_of_expired_lease,
};
use sqlx::{Row, postgres::PgRow};
use std::{collections::HashMap, time::Duration};

/// Locks the jobs in the order of their ids, so two nodes cannot deadlock.
const BEAT: &str = "
    WITH given AS (
        SELECT jobs.id, asked.progress
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::integer[]) AS asked (id, tenant_id, fence, progress)
        JOIN jobs ON jobs.id = asked.id AND jobs.tenant_id = asked.tenant_id AND jobs.fence = asked.fence
        WHERE jobs.status IN ('running', 'cancelling') ORDER BY jobs.id FOR UPDATE OF jobs
    )
    UPDATE jobs SET lease_ends = coalesce($5, clock_timestamp()) + $6 * interval '1 microsecond',
        progress = coalesce(given.progress, jobs.progress)
    FROM given WHERE jobs.id = given.id RETURNING jobs.id, tenant_id, fence, status";

const LAPSED: &str = "
    SELECT tenant_id, id FROM jobs WHERE lease_ends <= coalesce($1, statement_timestamp())
    ORDER BY created_at, id LIMIT $2";

const IS_LAPSED: &str = "SELECT lease_ends <= coalesce($2, clock_timestamp()) FROM jobs WHERE id = $1";

/// Steps from creator to creator by the index. Of the creators, only the ids of keys have this length.
const ORPHANS: &str = "
    WITH RECURSIVE makers AS (
        (SELECT created_by FROM jobs WHERE status IN ('pending', 'running', 'cancelling') AND created_by IS NOT NULL
            ORDER BY created_by LIMIT 1)
        UNION ALL
        SELECT (
            SELECT created_by FROM jobs
            WHERE status IN ('pending', 'running', 'cancelling') AND created_by > makers.created_by
            ORDER BY created_by LIMIT 1
        ) FROM makers WHERE created_by IS NOT NULL
    )
    SELECT orphans.tenant_id, orphans.id FROM makers
    JOIN keys ON keys.id = CASE WHEN length(makers.created_by) = 36 THEN makers.created_by::uuid END
    CROSS JOIN LATERAL (
        SELECT tenant_id, id, created_at FROM jobs WHERE created_by = makers.created_by AND status = 'pending'
        ORDER BY created_at, id LIMIT $1
    ) AS orphans
    WHERE keys.revoked_at IS NOT NULL ORDER BY orphans.created_at, orphans.id LIMIT $1";

/// A day counts as 24 hours, whatever the time zone of the session. A retention of a million days or more never ends.
const EXPIRED: &str = concat!(
    "SELECT expired.* FROM tenants LEFT JOIN retention ON retention.tenant_id = tenants.id CROSS JOIN LATERAL (SELECT ",
    job_columns!(),
    " FROM jobs WHERE tenant_id = tenants.id COLLATE \"default\" AND status IN ('completed', 'failed', 'cancelled') \
     AND completed_at <= $2 - least(coalesce(days, $1), 1000000) * interval '24 hours' \
     ORDER BY completed_at, id LIMIT $3) AS expired \
     WHERE coalesce(days, $1) < 1000000 ORDER BY expired.completed_at, expired.id LIMIT $3"
);

/// Returns whether the lease is still valid.
fn counts(queued: &QueuedJob, lease: &JobLease) -> bool {
    queued.fence == lease.fence && matches!(queued.job.status, JobStatus::Running | JobStatus::Cancelling)
}

/// Decodes a renewed lease and the status of its job.
fn held(row: &PgRow) -> sqlx::Result<(JobLease, JobStatus)> {
    let (tenant, job) = place(row)?;
    Ok((JobLease { tenant, job, fence: row::count(row, "fence")? }, row::parsed(row, "status")?))
}

/// Decodes the tenant and the id of a job.
fn place(row: &PgRow) -> sqlx::Result<(TenantId, JobId)> {
    Ok((row::parsed(row, "tenant_id")?, JobId::from_uuid(row.try_get("id")?)))
}

#[async_trait]
impl QueueStore for PostgresStore {
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>> {
        self.call(async { fair_turns::lease(&mut self.lease().await?, ask, self.now()).await }).await
    }

    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>> {
        self.call(async {
            let fence = |lease: &JobLease| row::bigint(lease.fence);
            let query = sqlx::query(BEAT)
                .bind(leases.iter().map(|(lease, _)| *lease.job.as_uuid()).collect::<Vec<_>>())
                .bind(leases.iter().map(|(lease, _)| lease.tenant.as_str()).collect::<Vec<_>>())
                .bind(leases.iter().map(|(lease, _)| fence(lease)).collect::<sqlx::Result<Vec<_>>>()?)
                .bind(leases.iter().map(|(_, progress)| progress.map(i32::from)).collect::<Vec<_>>())
                .bind(self.now())
                .bind(row::micros(ttl));
            let held = query.try_map(|row| held(&row)).fetch_all(&mut *self.lease().await?).await?;
            let held: HashMap<JobLease, JobStatus> = held.into_iter().collect();
            let beat = |lease: &JobLease| match held.get(lease) {
                Some(JobStatus::Cancelling) => HeartbeatOutcome::Cancelling,
                Some(_) => HeartbeatOutcome::Held,
                None => HeartbeatOutcome::Lost,
            };
            Ok(leases.iter().map(|(lease, _)| beat(lease)).collect())
        })
        .await
    }

    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome> {
        self.call(async {
            let mut conn = self.lease().await?;
            let mut change = Change::begin(&mut conn).await?;
            match ending::lock(change.conn(), &lease.tenant, lease.job).await? {
                Some(queued) if counts(&queued, lease) => {
                    let job = ending::moved(change, queued, outcome, self.now(), at, None).await?;
                    Ok(FinishJobOutcome::Finished(Box::new(job)))
                }
                _ => Ok(FinishJobOutcome::Lost),
            }
        })
        .await
    }

    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            let query = sqlx::query(LAPSED).bind(now).bind(i64::from(limit)).try_map(|row| place(&row));
            let mut jobs = Vec::new();
            for (tenant, id) in query.fetch_all(&mut *lease).await? {
                let mut change = Change::begin(&mut lease).await?;
                let Some(queued) = ending::lock(change.conn(), &tenant, id).await? else { continue };
                // Another node may have reclaimed the job meanwhile, and its next lease may already be running.
                let query = sqlx::query_scalar::<_, Option<bool>>(IS_LAPSED).bind(id.as_uuid()).bind(now);
                if query.fetch_one(change.conn()).await? == Some(true) {
                    let outcome =
                        outcome_of_expired_lease(queued.job.status, queued.deaths, queued.fence, attempts, error);
                    jobs.push(ending::moved(change, queued, &outcome, now, at, None).await?);
                }
            }
            Ok(jobs)
        })
        .await
    }

    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            let query = sqlx::query(ORPHANS).bind(i64::from(limit)).try_map(|row| place(&row));
            let mut jobs = Vec::new();
            for (tenant, id) in query.fetch_all(&mut *lease).await? {
                let mut change = Change::begin(&mut lease).await?;
                let Some(queued) = ending::lock(change.conn(), &tenant, id).await? else { continue };
                if queued.job.status == JobStatus::Pending {
                    jobs.push(ending::moved(change, queued, &JobOutcome::Cancelled, now, at, None).await?);
                }
            }
            Ok(jobs)
        })
        .await
    }

    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.call(async {
            let query =
                sqlx::query(EXPIRED).bind(default_days.map(i64::from)).bind(PgTimestamp(at)).bind(i64::from(limit));
            query.try_map(|row| row::job(&row)).fetch_all(&mut *self.lease().await?).await
        })
        .await
    }
}
