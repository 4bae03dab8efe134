//! A job with its queue state, and what follows from its end, in the same transaction.

use super::{job_row, meter, outbox};
use crate::{feed, row};
use dalston_model::Timestamp;
use dalston_work::{Job, JobOutcome, JobStatus, ended_entry, ended_event};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// The columns that [`queued`] reads.
macro_rules! queued_columns {
    () => {
        concat!($crate::work::job_row::job_columns!(), ", fence, reserved_ms, deaths")
    };
}
pub(crate) use queued_columns;

/// Writes the job's state and ends its lease, whatever the outcome.
pub(crate) const WRITE: &str = "UPDATE jobs SET status = ?, completed_at = ?, progress = ?, error = ?, result = ?, \
     due_at = ?, reserved_ms = ?, deaths = deaths + ?, lease_ends = NULL WHERE id = ?";

/// A job with its queue state.
pub(crate) struct QueuedJob {
    pub(crate) job: Job,
    /// The fence: how often the job was leased.
    pub(crate) fence: u64,
    /// How often a worker died while it held the job.
    pub(crate) deaths: u64,
    /// The milliseconds of audio that are reserved for the job.
    pub(crate) reserved_ms: u64,
}

/// The job in a row, with its queue state.
pub(crate) fn queued(row: &SqliteRow) -> sqlx::Result<QueuedJob> {
    Ok(QueuedJob {
        job: job_row::job(row)?,
        fence: row.try_get("fence")?,
        deaths: row.try_get("deaths")?,
        reserved_ms: row.try_get("reserved_ms")?,
    })
}

impl QueuedJob {
    /// Writes the outcome of the job. `at` is the time of the outcome, and `now` is the time of the store's clock, from
    /// which a retry's delay counts.
    ///
    /// If the job has ended, its event is put into the outbox and its audio reservation is settled. The caller writes
    /// the audit record.
    pub(crate) async fn write(
        self,
        change: &mut SqliteConnection,
        outcome: &JobOutcome,
        at: Timestamp,
        now: Timestamp,
    ) -> sqlx::Result<Job> {
        let Self { job, reserved_ms, .. } = self;
        let job = outcome.apply(job, at);
        let kept_ms = outcome.kept_ms(job.status, reserved_ms);
        let due_at = (job.status == JobStatus::Pending).then(|| now.plus(outcome.wait()));
        sqlx::query(WRITE)
            .bind(job.status.as_str())
            .bind(row::micros(job.completed_at))
            .bind(job.progress)
            .bind(job.error.clone())
            .bind(super::text(job.result.as_ref()))
            .bind(row::micros(due_at))
            .bind(row::count(kept_ms))
            .bind(row::count(outcome.deaths()))
            .bind(job.id.to_string())
            .execute(&mut *change)
            .await?;
        if let Some(event) = ended_event(&job, at) {
            outbox::tell(change, &event).await?;
            meter::settle(change, &job.account(), row::count(kept_ms) - row::count(reserved_ms)).await?;
        }
        Ok(job)
    }

    /// The same, and writes the gateway's own audit record.
    pub(crate) async fn write_recorded(
        self,
        change: &mut SqliteConnection,
        outcome: &JobOutcome,
        at: Timestamp,
        now: Timestamp,
    ) -> sqlx::Result<Job> {
        let job = self.write(change, outcome, at, now).await?;
        if let Some(entry) = ended_entry(&job, at) {
            feed::record(change, &entry).await?;
        }
        Ok(job)
    }
}
