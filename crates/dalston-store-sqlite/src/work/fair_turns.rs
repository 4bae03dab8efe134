//! Fair scheduling: which tenant's job is leased next.

use super::queued::{self, QueuedJob, queued_columns};
use crate::row;
use dalston_model::Timestamp;
use dalston_work::{FairScheduler, JobLeaseRequest, WaitingTenant};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// Makes the delayed jobs ready whose time has come.
pub(crate) const WAKE: &str =
    "UPDATE jobs INDEXED BY jobs_waiting SET due_at = NULL WHERE status = 'pending' AND due_at <= ?";

/// The tenants that have a ready job, each with its oldest one. An index skip scan: one step per tenant, however many
/// jobs each has.
pub(crate) const READY: &str = "WITH RECURSIVE holder (tenant) AS (\
     SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ready WHERE status = 'pending' AND due_at IS NULL \
     UNION ALL SELECT (SELECT min(tenant_id) FROM jobs INDEXED BY jobs_ready \
     WHERE status = 'pending' AND due_at IS NULL AND tenant_id > tenant) FROM holder WHERE tenant IS NOT NULL) \
     SELECT tenant, ifnull((SELECT turn FROM turns WHERE tenant_id = tenant), 0) AS served, jobs.id AS job, jobs.created_at AS since, \
     (SELECT count(*) FROM jobs INDEXED BY jobs_by_status \
     WHERE tenant_id = tenant AND status IN ('running', 'cancelling')) AS running \
     FROM holder CROSS JOIN jobs ON jobs.rowid = (\
     SELECT rowid FROM jobs INDEXED BY jobs_ready WHERE tenant_id = tenant AND status = 'pending' AND due_at IS NULL \
     ORDER BY created_at, id LIMIT 1)";

/// The oldest ready job of one tenant.
pub(crate) const OLDEST: &str = "SELECT id AS job, created_at AS since FROM jobs INDEXED BY jobs_ready \
     WHERE tenant_id = ? AND status = 'pending' AND due_at IS NULL ORDER BY created_at, id LIMIT 1";

pub(crate) const LEASE: &str = concat!(
    "UPDATE jobs SET status = 'running', started_at = ifnull(started_at, ?1), progress = NULL, fence = fence + 1, ",
    "lease_ends = ?2 WHERE id = ?3 RETURNING ",
    queued_columns!()
);

pub(crate) const LAST_TURN: &str = "SELECT ifnull(max(turn), 0) FROM turns";

const SERVE: &str = "INSERT OR REPLACE INTO turns (turn, tenant_id) VALUES (?, ?)";

/// A ready job: its creation time and its id.
type DueJob = (i64, String);

fn turn(row: &SqliteRow) -> sqlx::Result<WaitingTenant<DueJob>> {
    Ok(WaitingTenant {
        tenant: row::parsed(row, "tenant")?,
        running: row.try_get("running")?,
        served: row.try_get("served")?,
        job: waiting(row)?,
    })
}

fn waiting(row: &SqliteRow) -> sqlx::Result<DueJob> {
    Ok((row.try_get("since")?, row.try_get("job")?))
}

/// Leases jobs in fair order between the tenants.
pub(crate) async fn lease(
    change: &mut SqliteConnection,
    ask: &JobLeaseRequest,
    now: Timestamp,
) -> sqlx::Result<Vec<QueuedJob>> {
    sqlx::query(WAKE).bind(now.as_micros()).execute(&mut *change).await?;
    let mut turns = FairScheduler::new(ask, sqlx::query_scalar(LAST_TURN).fetch_one(&mut *change).await?);
    let mut ready = sqlx::query(READY).try_map(|row| turn(&row)).fetch(&mut *change);
    while let Some(turn) = ready.try_next().await? {
        turns.wait(turn);
    }
    drop(ready);
    let mut leased = Vec::new();
    for _ in 0..ask.limit {
        let Some((WaitingTenant { tenant, running, job: (_, job), .. }, number)) = turns.serve() else { break };
        let lease = sqlx::query(LEASE).bind(now.as_micros()).bind(now.plus(ask.ttl).as_micros()).bind(job);
        leased.push(lease.try_map(|row| queued::queued(&row)).fetch_one(&mut *change).await?);
        sqlx::query(SERVE).bind(row::count(number)).bind(tenant.as_str()).execute(&mut *change).await?;
        let oldest = sqlx::query(OLDEST).bind(tenant.as_str()).try_map(|row| waiting(&row));
        if let Some(job) = oldest.fetch_optional(&mut *change).await? {
            turns.requeue(tenant, running, number, job);
        }
    }
    Ok(leased)
}
