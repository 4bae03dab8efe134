//! Maintenance of the queue: reclaims expired leases, cancels jobs of revoked keys, purges jobs past their retention.

use super::Dispatcher;
use crate::{ServiceResult, jobs::erase};
use dalston_model::{AuditEntry, Source};
use dalston_work::{DeleteJobOutcome, WorkAction, WorkTarget};
use serde_json::json;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Interval of the search for expired leases.
const RECLAIM: Duration = Duration::from_secs(10);
/// Maximum number of jobs per call of the store.
const BATCH: u32 = 200;

/// Error message for the client when the node of a job was lost.
const LOST: &str = "The node that worked on it was lost";

impl Dispatcher {
    /// Runs all maintenance. Called at the start and every minute.
    pub async fn tidy(&self) -> ServiceResult<()> {
        self.reclaim().await?;
        self.cancel_orphans().await?;
        self.purge_expired().await
    }

    /// Reclaims expired leases every 10 seconds, and cancels the queued jobs of a key when it is revoked.
    pub(super) async fn maintain_queue(&self) {
        let mut rounds = interval(RECLAIM);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let kept = tokio::select! {
                () = self.job_notifier.orphans() => self.cancel_orphans().await,
                _ = rounds.tick() => self.reclaim().await,
            };
            if let Err(error) = kept {
                tracing::warn!(event = "queue.tidy_failed", %error, "could not tidy the queue");
            }
        }
    }

    /// Reclaims jobs from lost nodes.
    async fn reclaim(&self) -> ServiceResult<()> {
        let attempts = u64::from(self.config.attempts.get());
        loop {
            let moved = self.store.reclaim_jobs(attempts, LOST, self.clock.now(), BATCH).await?;
            for job in &moved {
                tracing::warn!(
                    event = "job.lease_expired",
                    job = %job.id,
                    tenant = %job.tenant,
                    status = %job.status,
                    "reclaimed a job whose lease expired"
                );
                self.job_notifier.changed(job.id);
                self.job_notifier.job_available();
                self.deliveries.wake();
            }
            if moved.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Cancels the queued jobs of revoked keys.
    async fn cancel_orphans(&self) -> ServiceResult<()> {
        loop {
            let cancelled = self.store.cancel_orphans(self.clock.now(), BATCH).await?;
            for job in &cancelled {
                tracing::info!(
                    event = "job.orphaned",
                    job = %job.id,
                    tenant = %job.tenant,
                    "cancelled a job whose key is revoked"
                );
                self.job_notifier.changed(job.id);
                self.deliveries.wake();
            }
            if cancelled.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Deletes jobs past their retention. The audit record names the gateway as actor.
    async fn purge_expired(&self) -> ServiceResult<()> {
        loop {
            let now = self.clock.now();
            let expired = self.store.expired_jobs(self.config.retention_days, now, BATCH).await?;
            let mut deleted = 0;
            for job in &expired {
                let entry = AuditEntry {
                    time: now,
                    tenant: job.tenant.clone(),
                    source: Source::gateway(),
                    action: WorkAction::JOB_DELETED,
                    target: WorkTarget::Job(job.id).into(),
                    detail: json!({"completed_at": job.completed_at}),
                };
                if erase(&*self.store, &self.blobs, job, &entry).await? == DeleteJobOutcome::Deleted {
                    deleted += 1;
                }
            }
            if deleted > 0 {
                tracing::info!(event = "job.purged", deleted, "purged ended jobs past their retention");
            }
            if deleted < BATCH {
                return Ok(());
            }
        }
    }
}
