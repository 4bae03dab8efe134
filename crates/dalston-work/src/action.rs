//! Audit actions of the transcription service.

use dalston_model::actions;

actions! {
    /// Audit actions on jobs, quotas, workers and webhooks. Each is an [`Action`](dalston_model::Action), like those on
    /// keys.
    WorkAction {
        /// A job was created.
        JOB_CREATED = "job.created",
        /// A pending job was cancelled, or a running one was requested to stop.
        JOB_CANCELLED = "job.cancelled",
        /// A job's audio, result and row were deleted.
        JOB_DELETED = "job.deleted",
        /// A job completed.
        JOB_COMPLETED = "job.completed",
        /// A job failed.
        JOB_FAILED = "job.failed",
        /// The quota of a key or a tenant was changed.
        QUOTA_CHANGED = "quota.changed",
        /// The retention of a tenant's ended jobs was changed.
        RETENTION_CHANGED = "retention.changed",
        /// A worker was registered, or registered again.
        WORKER_REGISTERED = "worker.registered",
        /// A worker was removed.
        WORKER_REMOVED = "worker.removed",
        /// A webhook was created.
        WEBHOOK_CREATED = "webhook.created",
        /// Fields of a webhook were changed.
        WEBHOOK_UPDATED = "webhook.updated",
        /// A webhook's signing secret was rotated.
        WEBHOOK_ROTATED = "webhook.rotated",
        /// A webhook was deleted.
        WEBHOOK_DELETED = "webhook.deleted",
        /// A webhook was disabled because its deliveries failed.
        WEBHOOK_DISABLED = "webhook.disabled",
        /// An ended delivery was restarted by hand.
        DELIVERY_RETRIED = "delivery.retried",
        /// A message was sent to administrators.
        NUDGE_SENT = "nudge.sent",
    }
}
