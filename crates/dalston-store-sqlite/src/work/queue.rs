//! The job queue.

use super::job_row::{self, job_columns};
use super::{
    fair_turns,
    queued::{self, queued_columns},
};
use crate::{SqliteStore, row};
use async_trait::async_trait;
use dalston_model::{TenantId, Timestamp};
use dalston_store::StoreResult;
use dalston_work::{
    FinishJobOutcome, HeartbeatOutcome, Job, JobId, JobLease, JobLeaseRequest, JobOutcome, JobStatus, LeasedJob,
    QueueStore, outcome_of_expired_lease,
};
use serde_json::{Value, json};
use sqlx::{Row, sqlite::SqliteRow};
use std::{collections::HashMap, time::Duration};

/// Renews leases. The batch is one JSON parameter: one statement for all of it, however many leases it contains. ?1 the
/// batch, ?2 the new expiry.
pub(crate) const BEAT: &str = "UPDATE jobs SET lease_ends = ?2, progress = ifnull(beat.value ->> 'progress', progress) \
     FROM json_each(?1) AS beat WHERE jobs.id = beat.value ->> 'job' AND tenant_id = beat.value ->> 'tenant' \
     AND fence = beat.value ->> 'fence' AND status IN ('running', 'cancelling') RETURNING tenant_id, id, fence, status";

pub(crate) const HELD: &str = concat!(
    "SELECT ",
    queued_columns!(),
    " FROM jobs WHERE id = ? AND tenant_id = ? AND fence = ? AND status IN ('running', 'cancelling')"
);

pub(crate) const LAPSED: &str = concat!(
    "SELECT ",
    queued_columns!(),
    " FROM jobs INDEXED BY jobs_leased WHERE lease_ends <= ? ORDER BY lease_ends LIMIT ?"
);

/// The pending jobs of revoked keys. An index skip scan over the keys that have unfinished jobs: a revoked key costs
/// nothing once its jobs have ended.
pub(crate) const ORPHANS: &str = concat!(
    "WITH RECURSIVE maker (actor) AS (",
    "SELECT min(created_by) FROM jobs INDEXED BY jobs_unended WHERE status IN ('pending', 'running', 'cancelling') ",
    "UNION ALL SELECT (SELECT min(created_by) FROM jobs INDEXED BY jobs_unended ",
    "WHERE status IN ('pending', 'running', 'cancelling') AND created_by > actor) FROM maker WHERE actor IS NOT NULL) ",
    "SELECT ",
    queued_columns!(),
    " FROM maker CROSS JOIN jobs INDEXED BY jobs_unended ON created_by = actor ",
    // Not `EXISTS`: SQLite would turn that into a join and evaluate it for each job.
    "WHERE (SELECT revoked_at FROM keys WHERE keys.id = actor) IS NOT NULL ",
    "AND status IN ('pending', 'running', 'cancelling') AND status = 'pending' LIMIT ?"
);

/// The ended jobs whose retention has passed. An index skip scan over the tenants, since each may have its own
/// retention. ?1 the default retention in days, ?2 now, ?3 the limit.
pub(crate) const EXPIRED: &str = concat!(
    "WITH RECURSIVE owner (tenant) AS (",
    "SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL ",
    "UNION ALL SELECT (SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ended ",
    "WHERE completed_at IS NOT NULL AND tenant_id > tenant) FROM owner WHERE tenant IS NOT NULL) ",
    "SELECT ",
    job_columns!(),
    " FROM owner CROSS JOIN jobs INDEXED BY jobs_ended ON tenant_id = tenant AND completed_at <= ",
    "?2 - 86400000000 * ifnull((SELECT days FROM retention WHERE tenant_id = tenant), ?1) LIMIT ?3"
);

fn batched((lease, progress): &(JobLease, Option<u16>)) -> Value {
    json!({
        "job": lease.job.to_string(),
        "tenant": lease.tenant.as_str(),
        "fence": row::count(lease.fence),
        "progress": progress,
    })
}

/// A renewed lease, and the status of its job.
fn beating(row: &SqliteRow) -> sqlx::Result<((TenantId, JobId, u64), JobStatus)> {
    let lease = (row::parsed(row, "tenant_id")?, row::parsed(row, "id")?, row.try_get("fence")?);
    Ok((lease, row::parsed(row, "status")?))
}

#[async_trait]
impl QueueStore for SqliteStore {
    async fn lease_jobs(&self, ask: &JobLeaseRequest) -> StoreResult<Vec<LeasedJob>> {
        self.call(async {
            let mut change = self.change().await?;
            let leased = fair_turns::lease(&mut change, ask, self.clock.now()).await?;
            change.commit().await?;
            let leased = leased.into_iter().map(|queued| {
                let lease = JobLease { tenant: queued.job.tenant.clone(), job: queued.job.id, fence: queued.fence };
                let (deaths, reserved_ms) = (queued.deaths, queued.reserved_ms);
                LeasedJob { job: queued.job, lease, deaths, reserved_ms }
            });
            Ok(leased.collect())
        })
        .await
    }

    async fn beat_jobs(&self, leases: &[(JobLease, Option<u16>)], ttl: Duration) -> StoreResult<Vec<HeartbeatOutcome>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let batch = leases.iter().map(batched).collect::<Value>().to_string();
        self.call(async {
            let mut change = self.change().await?;
            let ends = self.clock.now().plus(ttl);
            let beat = sqlx::query(BEAT).bind(batch).bind(ends.as_micros()).try_map(|row| beating(&row));
            let beating: HashMap<_, _> = beat.fetch_all(&mut *change).await?.into_iter().collect();
            change.commit().await?;
            let beat = |(lease, _): &(JobLease, _)| match beating.get(&(lease.tenant.clone(), lease.job, lease.fence)) {
                None => HeartbeatOutcome::Lost,
                Some(JobStatus::Cancelling) => HeartbeatOutcome::Cancelling,
                Some(_) => HeartbeatOutcome::Held,
            };
            Ok(leases.iter().map(beat).collect())
        })
        .await
    }

    async fn finish_job(&self, lease: &JobLease, outcome: &JobOutcome, at: Timestamp) -> StoreResult<FinishJobOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let held = sqlx::query(HELD)
                .bind(lease.job.to_string())
                .bind(lease.tenant.as_str())
                .bind(row::count(lease.fence))
                .try_map(|row| queued::queued(&row));
            let Some(held) = held.fetch_optional(&mut *change).await? else { return Ok(FinishJobOutcome::Lost) };
            let job = held.write_recorded(&mut change, outcome, at, self.clock.now()).await?;
            change.commit().await?;
            Ok(FinishJobOutcome::Finished(Box::new(job)))
        })
        .await
    }

    async fn reclaim_jobs(&self, attempts: u64, error: &str, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            let lapsed = sqlx::query(LAPSED).bind(now.as_micros()).bind(limit).try_map(|row| queued::queued(&row));
            let mut moved = Vec::new();
            for queued in lapsed.fetch_all(&mut *change).await? {
                let outcome = outcome_of_expired_lease(queued.job.status, queued.deaths, queued.fence, attempts, error);
                moved.push(queued.write_recorded(&mut change, &outcome, at, now).await?);
            }
            change.commit().await?;
            Ok(moved)
        })
        .await
    }

    async fn cancel_orphans(&self, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            let orphans = sqlx::query(ORPHANS).bind(limit).try_map(|row| queued::queued(&row));
            let mut cancelled = Vec::new();
            for queued in orphans.fetch_all(&mut *change).await? {
                cancelled.push(queued.write_recorded(&mut change, &JobOutcome::Cancelled, at, now).await?);
            }
            change.commit().await?;
            Ok(cancelled)
        })
        .await
    }

    async fn expired_jobs(&self, default_days: Option<u32>, at: Timestamp, limit: u32) -> StoreResult<Vec<Job>> {
        let expired = sqlx::query(EXPIRED).bind(default_days).bind(at.as_micros()).bind(limit);
        let expired = expired.try_map(|row| job_row::job(&row)).fetch_all(&self.readers);
        let mut jobs = self.call(expired).await?;
        jobs.sort_by_key(|job| (job.completed_at, job.id));
        Ok(jobs)
    }
}
