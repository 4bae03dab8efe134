//! Sample jobs and accounts, and the operations of the queue and the usage meter.

use super::WorkHandle;
use crate::{
    Audio, CancelJobOutcome, FinishJobOutcome, HeartbeatOutcome, InsertJobOutcome, Job, JobId, JobLease,
    JobLeaseRequest, JobOutcome, LeasedJob, MeteredDay, Quota, QuotaOwner, UsageAccount, UsageSource, WorkAction,
    WorkTarget,
};
use dalston_model::{Actor, AuditRecord, Day, KeyId, Target, TenantId};
use serde_json::json;
use std::time::Duration;

/// Duration of a lease in the contract rules.
pub(in crate::contract) const MINUTE: Duration = Duration::from_mins(1);
/// One microsecond less than [`MINUTE`].
pub(in crate::contract) const ALMOST: Duration = Duration::from_micros(59_999_999);
/// The rest of the minute after [`ALMOST`].
pub(in crate::contract) const MICRO: Duration = Duration::from_micros(1);

/// Returns a successful outcome with this length of audio.
pub(in crate::contract) fn completed(audio_ms: u64) -> JobOutcome {
    JobOutcome::Completed { result: json!({"language": "日本", "n": u64::MAX, "list": []}), audio_ms }
}

/// Returns a permanent failure.
pub(in crate::contract) fn failed() -> JobOutcome {
    JobOutcome::Failed { error: "it 'failed'\n🎉".to_owned() }
}

/// Returns a temporary failure that is retried after this delay.
pub(in crate::contract) fn retry(after: Duration) -> JobOutcome {
    JobOutcome::Retry { error: "not \"yet\"".to_owned(), after }
}

impl WorkHandle {
    /// Inserts and returns a pending job of the tenant that is younger than all jobs in the store.
    pub(in crate::contract) async fn pending(&self, tenant: &TenantId) -> Job {
        self.clock.advance(Duration::from_millis(1));
        let job = Job { tenant: tenant.clone(), ..self.new_job() };
        assert_eq!(self.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
        job
    }

    /// Returns a pending job of `default` with this many seconds of audio, created by the key if given. It is not in
    /// the store yet.
    pub(in crate::contract) fn spoken(&self, key: Option<KeyId>, seconds: f64) -> Job {
        self.clock.advance(Duration::from_millis(1));
        let audio = Audio { format: "wav".to_owned(), duration_seconds: Some(seconds), ..Audio::default() };
        Job { audio, created_by: key.map(Actor::Key), ..self.new_job() }
    }

    pub(in crate::contract) async fn try_lease(&self, limit: u32, per_tenant: u32) -> Vec<LeasedJob> {
        self.try_lease_but(limit, per_tenant, &[]).await
    }

    pub(in crate::contract) async fn try_lease_but(
        &self,
        limit: u32,
        per_tenant: u32,
        but: &[TenantId],
    ) -> Vec<LeasedJob> {
        let ask = JobLeaseRequest { limit, per_tenant, but: but.to_vec(), ttl: MINUTE };
        self.store.lease_jobs(&ask).await.unwrap()
    }

    /// Leases the only due job.
    pub(in crate::contract) async fn lease(&self) -> LeasedJob {
        let mut leased = self.try_lease(10, 10).await;
        assert_eq!(leased.len(), 1, "{leased:?}");
        leased.remove(0)
    }

    pub(in crate::contract) async fn beat(&self, lease: &JobLease, progress: Option<u16>) -> HeartbeatOutcome {
        let beats = self.store.beat_jobs(&[(lease.clone(), progress)], MINUTE).await.unwrap();
        assert_eq!(beats.len(), 1);
        beats[0]
    }

    pub(in crate::contract) async fn finish(&self, lease: &JobLease, outcome: &JobOutcome) -> FinishJobOutcome {
        self.store.finish_job(lease, outcome, self.now()).await.unwrap()
    }

    /// Finishes the job and returns it in its new state.
    pub(in crate::contract) async fn finished(&self, lease: &JobLease, outcome: &JobOutcome) -> Job {
        match self.finish(lease, outcome).await {
            FinishJobOutcome::Finished(job) => *job,
            FinishJobOutcome::Lost => panic!("lost"),
        }
    }

    /// Reclaims all expired leases.
    pub(in crate::contract) async fn reclaim(&self, attempts: u64) -> Vec<Job> {
        self.store.reclaim_jobs(attempts, "the node died", self.now(), 1_000).await.unwrap()
    }

    pub(in crate::contract) async fn cancel(&self, job: &Job) -> CancelJobOutcome {
        let entry = self.entry(WorkAction::JOB_CANCELLED, &job.tenant, WorkTarget::Job(job.id).into());
        self.store.cancel_job(&job.tenant, job.id, self.now(), &entry).await.unwrap()
    }

    /// Returns the stored job.
    pub(in crate::contract) async fn look_job(&self, job: &Job) -> Job {
        self.store.job(&job.tenant, job.id).await.unwrap().unwrap()
    }

    /// Returns the audit records of the job's end that the gateway wrote itself.
    pub(in crate::contract) async fn ends(&self, job: JobId) -> Vec<AuditRecord> {
        let mut records = self.audit().await;
        records.retain(|record| record.actor_kind == "gateway" && record.target_id == job.to_string());
        records
    }

    pub(in crate::contract) async fn try_quota(&self, subject: &QuotaOwner, quota: &Quota) -> bool {
        let target = subject.key().map_or_else(|| Target::tenant(subject.tenant()), Target::key);
        let entry = self.entry(WorkAction::QUOTA_CHANGED, subject.tenant(), target);
        self.store.set_quota(subject, quota, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn limit(&self, subject: &QuotaOwner, quota: Quota) {
        assert!(self.try_quota(subject, &quota).await);
    }

    /// Returns today's account of `default`.
    pub(in crate::contract) fn account(&self, key: Option<KeyId>, of: UsageSource) -> UsageAccount {
        UsageAccount { tenant: TenantId::default(), key, day: Day::of(self.now()), of }
    }

    /// Returns the milliseconds of jobs and of streams, summed over all days.
    pub(in crate::contract) async fn metered(&self, subject: &QuotaOwner) -> (u64, u64) {
        let days = self.store.metered(subject, Day::from_number(0)).await.unwrap();
        days.iter().fold((0, 0), |(jobs, streams), MeteredDay { jobs_ms, streams_ms, .. }| {
            (jobs + jobs_ms, streams + streams_ms)
        })
    }
}
