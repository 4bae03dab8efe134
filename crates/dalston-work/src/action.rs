//! What is done in the work of the service, as audit records name it.

use dalston_model::actions;

actions! {
    /// The actions of work. Each is an [`Action`](dalston_model::Action), as those of keys are.
    WorkAction {
        /// A job was made.
        JOB_CREATED = "job.created",
        /// A job was cancelled, or asked to end.
        JOB_CANCELLED = "job.cancelled",
        /// A job's audio, result and row were deleted.
        JOB_DELETED = "job.deleted",
        /// A job was done.
        JOB_COMPLETED = "job.completed",
        /// A job ended with an error.
        JOB_FAILED = "job.failed",
        /// The limits of a key or a tenant were changed.
        QUOTA_CHANGED = "quota.changed",
        /// For how long a tenant's ended jobs are kept was changed.
        RETENTION_CHANGED = "retention.changed",
        /// A worker was registered, or came back.
        WORKER_REGISTERED = "worker.registered",
        /// A worker was taken away.
        WORKER_REMOVED = "worker.removed",
        /// A webhook was made.
        WEBHOOK_CREATED = "webhook.created",
        /// Fields of a webhook were changed.
        WEBHOOK_UPDATED = "webhook.updated",
        /// A webhook got a new secret.
        WEBHOOK_ROTATED = "webhook.rotated",
        /// A webhook was deleted.
        WEBHOOK_DELETED = "webhook.deleted",
        /// A webhook was switched off because its deliveries failed.
        WEBHOOK_DISABLED = "webhook.disabled",
        /// A delivery of a webhook was started again by hand.
        DELIVERY_RETRIED = "delivery.retried",
        /// A message was sent to administrators.
        NUDGE_SENT = "nudge.sent",
    }
}
