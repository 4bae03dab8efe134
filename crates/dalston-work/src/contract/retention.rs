//! Retention of ended jobs.

use super::{WorkFixture, handle::WorkHandle};
use crate::{InsertJobOutcome, Job, JobId, JobStatus, WorkAction, WorkTarget};
use dalston_model::{Target, TenantId, Timestamp};
use std::{collections::HashSet, time::Duration};

const DAY: Duration = Duration::from_hours(24);

async fn set(handle: &WorkHandle, tenant: &TenantId, days: Option<u32>) -> bool {
    let entry = handle.entry(WorkAction::RETENTION_CHANGED, tenant, Target::tenant(tenant));
    handle.store.set_retention(tenant, days, &entry).await.unwrap()
}

/// Inserts a job that ended now.
async fn ended(handle: &WorkHandle, tenant: &TenantId, status: JobStatus) -> JobId {
    let job = Job { tenant: tenant.clone(), status, completed_at: Some(handle.now()), ..handle.new_job() };
    assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
    job.id
}

async fn expired(handle: &WorkHandle, default_days: Option<u32>, at: Timestamp) -> HashSet<JobId> {
    let jobs = handle.store.expired_jobs(default_days, at, 100).await.unwrap();
    for job in &jobs {
        assert_eq!(&handle.look_job(job).await, job);
    }
    let ids: HashSet<JobId> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(ids.len(), jobs.len(), "a job twice");
    ids
}

pub async fn the_retention_of_a_tenant_is_set_and_cleared(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (usual, acme) = (TenantId::default(), handle.tenant("acme").await);
    let asked = ["nobody".parse().unwrap(), acme.clone(), usual.clone(), acme.clone()];
    assert_eq!(handle.store.retention(&asked).await, Ok(vec![None; 4]));
    for (records, days) in [Some(30), Some(u32::MAX), None, Some(0)].into_iter().enumerate() {
        assert!(set(&handle, &acme, days).await);
        assert_eq!(handle.store.retention(&asked).await, Ok(vec![None, days, None, days]));
        let audit = handle.audit().await;
        assert_eq!(audit.len(), records + 2);
        assert_eq!(audit[records + 1].action, "retention.changed");
    }
    assert!(!set(&handle, &"nobody".parse().unwrap(), Some(1)).await);
    assert_eq!(handle.audit().await.len(), 5);
    assert_eq!(handle.store.retention(&[]).await, Ok(Vec::new()));
}

pub async fn an_ended_job_expires_after_the_days_of_its_tenant(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (short, long, usual) = (handle.tenant("short").await, handle.tenant("long").await, TenantId::default());
    assert!(set(&handle, &short, Some(1)).await && set(&handle, &long, Some(10)).await);
    let (one, ten, three) = (
        ended(&handle, &short, JobStatus::Completed).await,
        ended(&handle, &long, JobStatus::Failed).await,
        ended(&handle, &usual, JobStatus::Cancelled).await,
    );
    let day = |days: u32| handle.now().plus(DAY * days);
    let almost = |days: u32| Timestamp::from_micros(day(days).as_micros() - 1);
    let all = |ids: &[JobId]| ids.iter().copied().collect::<HashSet<_>>();
    assert_eq!(expired(&handle, Some(3), almost(1)).await, all(&[]));
    assert_eq!(expired(&handle, Some(3), day(1)).await, all(&[one]));
    assert_eq!(expired(&handle, Some(3), almost(3)).await, all(&[one]));
    assert_eq!(expired(&handle, Some(3), day(3)).await, all(&[one, three]));
    assert_eq!(expired(&handle, Some(3), almost(10)).await, all(&[one, three]));
    assert_eq!(expired(&handle, Some(3), day(10)).await, all(&[one, three, ten]));
    assert_eq!(expired(&handle, None, day(36_500)).await, all(&[one, ten]), "for ever");
    assert!(set(&handle, &short, None).await);
    assert_eq!(expired(&handle, None, day(10)).await, all(&[ten]));
    assert_eq!(expired(&handle, Some(11), day(11)).await, all(&[one, three, ten]), "old jobs too");
}

pub async fn a_job_that_has_not_ended_does_not_expire(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in [JobStatus::Pending, JobStatus::Running, JobStatus::Cancelling] {
        handle.job(status).await;
    }
    assert_eq!(expired(&handle, Some(1), handle.now().plus(DAY * 100)).await, HashSet::new());
}

pub async fn expired_jobs_come_in_parts(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for _ in 0..5 {
        ended(&handle, &TenantId::default(), JobStatus::Completed).await;
    }
    let at = handle.now().plus(DAY);
    let mut counts = Vec::new();
    for limit in [0, 2, 2, 2, 2] {
        let part = handle.store.expired_jobs(Some(1), at, limit).await.unwrap();
        counts.push(part.len());
        for job in part {
            let entry = handle.entry(WorkAction::JOB_DELETED, &job.tenant, WorkTarget::Job(job.id).into());
            handle.store.delete_job(&job.tenant, job.id, &entry).await.unwrap();
        }
    }
    assert_eq!(counts, [0, 2, 2, 1, 0]);
}

pub async fn a_job_that_ended_in_any_way_expires(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let cancelled = handle.pending(&TenantId::default()).await;
    handle.cancel(&cancelled).await;
    let mut ids = HashSet::from([cancelled.id]);
    for outcome in [super::handle::work::completed(0), super::handle::work::failed()] {
        ids.insert(handle.pending(&TenantId::default()).await.id);
        let held = handle.lease().await;
        handle.finished(&held.lease, &outcome).await;
    }
    assert_eq!(expired(&handle, Some(1), handle.now().plus(DAY)).await, ids);
}
