//! The transition of a job, inside a change.
//!
//! Lock order: the row `seq` of `meta` (every change takes it), the job, then the meter rows of its key and of its
//! tenant. A transaction that is not a change does not lock `seq`, so it waits for at most one change.

use super::{
    meter, outbox,
    row::{self, QueuedJob, job_columns, queued_job_columns},
};
use crate::{change::Change, pg_timestamp::PgTimestamp};
use dalston_model::{AuditEntry, TenantId, Timestamp};
use dalston_work::{Job, JobId, JobOutcome, ended_entry, ended_event};
use sqlx::PgConnection;

const LOCK: &str = concat!("SELECT ", queued_job_columns!(), " FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE");

/// Ends the lease, whatever the outcome.
const MOVE: &str = "
    UPDATE jobs SET status = $2, completed_at = $3, error = $4, result = $5::text::json, progress = $6,
        lease_ends = NULL, reserved_ms = $7, deaths = deaths + $10, due_at = coalesce($8, clock_timestamp()) + $9 * interval '1 microsecond'
    WHERE id = $1";

/// Returns the job, locked until the end of the transaction.
pub(crate) async fn lock(conn: &mut PgConnection, tenant: &TenantId, id: JobId) -> sqlx::Result<Option<QueuedJob>> {
    let query = sqlx::query(LOCK).bind(tenant.as_str()).bind(id.as_uuid());
    query.try_map(|row| row::queued_job(&row)).fetch_optional(conn).await
}

/// Moves a locked job to the status that its outcome leads to, with all consequences of its end, and commits.
///
/// Writes `entry` as the audit record, or the gateway's own record if it is `None`. Returns the job as it is now.
pub(crate) async fn moved(
    mut change: Change<'_>,
    before: QueuedJob,
    outcome: &JobOutcome,
    now: Option<PgTimestamp>,
    at: Timestamp,
    entry: Option<&AuditEntry>,
) -> sqlx::Result<Job> {
    let mut job = outcome.apply(before.job, at);
    job.error = job.error.as_deref().map(row::printable);
    let kept = outcome.kept_ms(job.status, before.reserved_ms);
    sqlx::query(MOVE)
        .bind(job.id.as_uuid())
        .bind(job.status.as_str())
        .bind(job.completed_at.map(PgTimestamp))
        .bind(&job.error)
        .bind(job.result.as_ref().map(ToString::to_string))
        .bind(job.progress.map(i32::from))
        .bind(row::bigint(kept)?)
        .bind(now)
        .bind(row::micros(outcome.wait()))
        .bind(row::bigint(outcome.deaths())?)
        .execute(change.conn())
        .await?;
    if let Some(event) = ended_event(&job, at) {
        outbox::put(change.conn(), &event).await?;
        let (kept, reserved) = (row::bigint(kept)?, row::bigint(before.reserved_ms)?);
        meter::settle(change.conn(), &job.account(), kept - reserved).await?;
    }
    match entry.cloned().or_else(|| ended_entry(&job, at)) {
        Some(entry) => change.commit(&entry).await?,
        None => change.commit_unrecorded().await?,
    }
    Ok(job)
}
