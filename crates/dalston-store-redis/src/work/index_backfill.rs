//! Indexes the jobs of an earlier version, which had no queue, before the first lease.

use super::scripts::{self, FILED, SCRIPTS};
use crate::RedisStore;
use dalston_model::TenantId;
use dalston_store::StoreResult;
use dalston_work::JobStatus;
use std::sync::atomic::Ordering;

/// The number of jobs per step.
const STEP: u32 = 500;

impl RedisStore {
    /// Indexes the jobs that an earlier version inserted. The steps are idempotent, so several nodes may run them at
    /// once.
    ///
    /// Pending jobs are indexed at each start of a process, because nodes of the earlier version may have run until
    /// then. Ended jobs are indexed only once.
    pub(crate) async fn file_jobs(&self) -> StoreResult<()> {
        if self.work.filed.load(Ordering::Acquire) {
            return Ok(());
        }
        let all: bool = self.link.call().command(redis::cmd("EXISTS").arg(FILED)).await?;
        let ended: &[JobStatus] =
            if all { &[] } else { &[JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled] };
        for status in [JobStatus::Pending].iter().chain(ended) {
            for tenant in self.tenants_with(*status).await? {
                self.file(&tenant, *status).await?;
            }
        }
        self.link.call().command::<String>(redis::cmd("SET").arg(FILED).arg(1)).await?;
        self.work.filed.store(true, Ordering::Release);
        Ok(())
    }

    /// Returns the tenants that have jobs of this status, whichever version inserted them.
    async fn tenants_with(&self, status: JobStatus) -> StoreResult<Vec<TenantId>> {
        let (mut cursor, mut tenants) = ("0".to_owned(), Vec::new());
        let (before, behind) = (scripts::JOBS, format!(":{status}"));
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(format!("{before}*{behind}")).arg("COUNT").arg(2_000);
            let (next, names): (String, Vec<String>) = self.link.call().command(&scan).await?;
            let tenant = |name: &String| name.strip_prefix(before)?.strip_suffix(&behind)?.parse().ok();
            tenants.extend(names.iter().filter_map(tenant));
            if next == "0" {
                return Ok(tenants);
            }
            cursor = next;
        }
    }

    async fn file(&self, tenant: &TenantId, status: JobStatus) -> StoreResult<()> {
        let mut place = Some(("0".to_owned(), String::new()));
        while let Some((at, id)) = place {
            let mut script = SCRIPTS.file_jobs.arg(tenant.as_str());
            script.arg(status.as_str()).arg(at).arg(id).arg(STEP);
            place = self.link.call().run(&script).await?;
        }
        Ok(())
    }
}
