//! The Lua scripts of the work store, and the names of their Redis keys.

pub(crate) use crate::scripts::{ClaimArgument, repeated, tenant};

use dalston_model::TenantId;
use dalston_work::{JobId, JobStatus, QuotaOwner};

crate::scripts::scripts! {
    keys: count_jobs, read_retention, set_quota, set_retention;
    work: beat_jobs, change_webhook, delete_job, delete_webhook, expired_jobs, file_jobs, finish_delivery, insert_job,
        insert_webhook, lapsed_jobs, lease_jobs, list_deliveries, list_jobs, list_webhooks, move_job, orphaned_jobs,
        publish_event, read_delivery, read_job, read_webhook, reserve_audio, retry_delivery, rotate_webhook,
        settle_audio, sweep_deliveries, take_deliveries;
    slots: close_session, count_sessions, list_workers, open_session, put_worker, remove_worker, renew_sessions;
}

/// The prefix of the names of job indexes; the tenant follows.
pub(crate) const JOBS: &str = "dalston:jobs:index:";
/// Set once the jobs of an earlier version are in the indexes.
pub(crate) const FILED: &str = "dalston:work:filed";

/// A job. The names differ from those of the Python gateway, which uses sets where this store uses sorted sets.
pub(crate) fn job(id: JobId) -> String {
    format!("dalston:jobs:{id}")
}

/// The index of a tenant's jobs, or of those of one status.
pub(crate) fn jobs(tenant: &TenantId, status: Option<JobStatus>) -> String {
    match status {
        Some(status) => format!("{JOBS}{tenant}:{status}"),
        None => format!("{JOBS}{tenant}"),
    }
}

/// The quota of a tenant or of a key.
pub(crate) fn quota(subject: &QuotaOwner) -> String {
    format!("dalston:quotas:{}", subject_name(subject))
}

/// The meter of a tenant or of a key.
pub(crate) fn meter(subject: &QuotaOwner) -> String {
    format!("dalston:meter:{}", subject_name(subject))
}

/// Names the owner as the scripts do. No tenant id contains the separator.
fn subject_name(subject: &QuotaOwner) -> String {
    match subject {
        QuotaOwner::Tenant(tenant) => tenant.to_string(),
        QuotaOwner::Key(tenant, key) => format!("{tenant}:{key}"),
    }
}

/// The sessions of a tenant.
pub(crate) fn sessions(tenant: &TenantId) -> String {
    format!("dalston:sessions:tenant:{tenant}")
}

/// The webhooks of a tenant.
pub(crate) fn webhooks(tenant: &TenantId) -> String {
    format!("dalston:webhooks:of:{tenant}")
}
