//! What keeps the queue in order: lapsed leases, jobs whose key is gone, jobs that are kept no longer.

use super::Dispatcher;
use crate::{ServiceResult, jobs::erase};
use dalston_model::{AuditEntry, Source};
use dalston_work::{DeleteJobOutcome, WorkAction, WorkTarget};
use serde_json::json;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Lapsed leases are looked for so often.
const RECLAIM: Duration = Duration::from_secs(10);
/// Jobs that one step moves.
const BATCH: u32 = 200;

/// What clients read of a job whose node was lost.
const LOST: &str = "The node that worked on it was lost";

impl Dispatcher {
    /// What is done at the start and each minute.
    pub async fn tidy(&self) -> ServiceResult<()> {
        self.reclaim().await?;
        self.cancel_orphans().await?;
        self.purge_expired().await
    }

    /// What is done more often, or when something happened.
    pub(super) async fn keep_order(&self) {
        let mut rounds = interval(RECLAIM);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let kept = tokio::select! {
                () = self.board.orphans() => self.cancel_orphans().await,
                _ = rounds.tick() => self.reclaim().await,
            };
            if let Err(error) = kept {
                tracing::warn!(event = "queue.tidy_failed", %error, "could not tidy the queue");
            }
        }
    }

    /// Takes back jobs from nodes that are lost.
    async fn reclaim(&self) -> ServiceResult<()> {
        let attempts = u64::from(self.terms.attempts.get());
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
                self.board.changed(job.id);
                self.board.job_available();
                self.deliveries.wake();
            }
            if moved.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Cancels jobs that nobody has a right to any more: those that wait, of revoked keys.
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
                self.board.changed(job.id);
                self.deliveries.wake();
            }
            if cancelled.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Deletes jobs that are kept no longer, as the gateway.
    async fn purge_expired(&self) -> ServiceResult<()> {
        loop {
            let now = self.clock.now();
            let expired = self.store.expired_jobs(self.terms.retention_days, now, BATCH).await?;
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
