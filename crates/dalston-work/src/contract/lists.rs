//! Lists of jobs, and isolation between tenants.

use super::{
    WorkFixture,
    handle::{WorkHandle, page},
};
use crate::{ActiveJobs, CancelJobOutcome, DeleteJobOutcome, Job, JobStatus, WorkAction, WorkTarget};
use dalston_model::{Cursor, Start, TenantId, Timestamp};
use std::time::Duration;

pub async fn a_walk_by_cursor_sees_every_job_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let mut jobs = Vec::new();
    for micros in [3, 2, 2, 0, 2, 1_000_000] {
        for status in [JobStatus::Pending, JobStatus::Completed] {
            let job = Job { status, created_at: handle.now().plus(Duration::from_micros(micros)), ..handle.new_job() };
            handle.try_insert_job(&job, None).await;
            jobs.push(job);
        }
    }
    jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id.to_string())));
    for status in [None, Some(JobStatus::Completed)] {
        let (mut walked, mut start) = (Vec::new(), Start::Newest);
        loop {
            let part = handle.store.jobs(&TenantId::default(), &page(2, start), status).await.unwrap();
            walked.extend(part.items);
            assert!(walked.len() <= jobs.len(), "a job twice");
            match part.next {
                Some(cursor) => start = Start::After(cursor),
                None => break,
            }
        }
        let shown = jobs.iter().filter(|job| status.is_none_or(|status| job.status == status));
        assert_eq!(walked, shown.cloned().collect::<Vec<_>>());
    }
}

pub async fn a_cursor_of_jobs_outlives_its_job(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (old, gone) = (handle.job(JobStatus::Failed).await, handle.new_job());
    let gone = Job { created_at: handle.now().plus(Duration::from_secs(1)), status: JobStatus::Failed, ..gone };
    handle.try_insert_job(&gone, None).await;
    let entry = handle.entry(WorkAction::JOB_DELETED, &gone.tenant, WorkTarget::Job(gone.id).into());
    handle.store.delete_job(&gone.tenant, gone.id, &entry).await.unwrap();
    let behind = Start::After(Cursor { created_at: gone.created_at, id: gone.id.to_string() });
    assert_eq!(handle.store.jobs(&old.tenant, &page(9, behind), None).await.unwrap().items, [old]);
}

pub async fn a_cursor_of_another_list_is_no_outage(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.job(JobStatus::Pending).await;
    // Later than the job, so that only the time decides the order.
    let later = Timestamp::from_micros(job.created_at.as_micros() + 1);
    for id in [handle.key_id().to_string(), "x".to_owned(), "-".repeat(64)] {
        let start = Start::After(Cursor { created_at: later, id });
        let jobs = handle.store.jobs(&job.tenant, &page(9, start), None).await.unwrap().items;
        assert_eq!(jobs, std::slice::from_ref(&job));
    }
}

pub async fn another_tenants_job_is_unknown_to_every_step(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let (pending, ended) = (handle.job(JobStatus::Pending).await, handle.job(JobStatus::Failed).await);
    let seq = handle.seq().await;
    for job in [&pending, &ended] {
        let entry = |action| handle.entry(action, &acme, WorkTarget::Job(job.id).into());
        let cancel = handle.store.cancel_job(&acme, job.id, handle.now(), &entry(WorkAction::JOB_CANCELLED)).await;
        assert_eq!(cancel, Ok(CancelJobOutcome::Unknown));
        let delete = handle.store.delete_job(&acme, job.id, &entry(WorkAction::JOB_DELETED)).await;
        assert_eq!(delete, Ok(DeleteJobOutcome::Unknown));
        assert_eq!(handle.store.job(&acme, job.id).await, Ok(None));
        assert_eq!(handle.store.job(&job.tenant, job.id).await.unwrap().as_ref(), Some(job));
        assert_eq!(handle.store.job_exists(job.id).await, Ok(true));
    }
    assert_eq!(handle.seq().await, seq);
}

pub async fn lists_show_their_own_tenant(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    // One tenant name is a prefix of the other: a key space with careless concatenation would mix them.
    let (acme, longer) = (handle.tenant("acme").await, handle.tenant("acme-2").await);
    handle.job(JobStatus::Pending).await;
    let mut job = handle.new_job();
    job.tenant = longer.clone();
    handle.try_insert_job(&job, None).await;
    let all = page(100, Start::Newest);
    assert!(handle.store.jobs(&acme, &all, None).await.unwrap().items.is_empty());
    assert_eq!(handle.store.active_jobs(&acme).await, Ok(ActiveJobs::default()));
    assert_eq!(handle.store.jobs(&longer, &all, None).await.unwrap().items, [job]);
    assert_eq!(handle.store.active_jobs(&longer).await.unwrap().pending, 1);
}
