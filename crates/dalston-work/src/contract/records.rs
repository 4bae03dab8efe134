//! Changes of jobs: recorded, numbered and chained like changes of keys, and idempotent.

use super::{
    WorkFixture,
    handle::{WorkHandle, at_once},
};
use crate::{CancelJobOutcome, InsertJobOutcome, JobStatus, WorkAction, WorkTarget};
use dalston_model::{AuditHash, AuditRecord};
use dalston_store::{AlreadyProcessed, Checkpoint, IdempotencyKey, InsertKeyOutcome};

fn repeated(target: &impl ToString, same_payload: bool) -> AlreadyProcessed {
    AlreadyProcessed { target: target.to_string(), same_payload }
}

/// Asserts that each record's hash chains to the previous record.
fn verify(records: &[AuditRecord]) {
    let mut previous = AuditHash::START;
    for record in records {
        assert_eq!(record.hash, Some(record.link(previous)), "{record:?}");
        previous = record.link(previous);
    }
}

pub async fn every_change_of_a_job_is_recorded_once_in_order(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.job(JobStatus::Pending).await;
    let entry = |action| handle.entry(action, &job.tenant, WorkTarget::Job(job.id).into());
    handle.store.cancel_job(&job.tenant, job.id, handle.now(), &entry(WorkAction::JOB_CANCELLED)).await.unwrap();
    handle.store.delete_job(&job.tenant, job.id, &entry(WorkAction::JOB_DELETED)).await.unwrap();
    let records = handle.audit().await;
    let id = job.id.to_string();
    let texts = |record: &AuditRecord| {
        [&record.action, &record.tenant_id, &record.target_kind, &record.target_id].map(String::clone)
    };
    let expected = ["job.created", "job.cancelled", "job.deleted"].map(|action| [action, "default", "job", &id]);
    assert_eq!(records.iter().map(texts).collect::<Vec<_>>(), expected.map(|it| it.map(str::to_owned)));
    verify(&records);
    assert_eq!(handle.changes(&Checkpoint::START, 10).await.0, [], "it is a change of no key");
}

pub async fn parallel_changes_of_keys_and_jobs_make_one_chain(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    at_once(8, |number| {
        let handle = handle.clone();
        async move {
            for _ in 0..10 {
                if number % 2 == 0 { drop(handle.job(JobStatus::Pending).await) } else { drop(handle.key().await) }
            }
        }
    })
    .await;
    let records = handle.audit().await;
    assert_eq!(records.len(), 80);
    verify(&records);
}

pub async fn a_repeated_job_is_not_inserted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (one, two, claim) = (handle.new_job(), handle.new_job(), handle.claim("upload"));
    assert_eq!(handle.try_insert_job(&one, Some(&claim)).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.try_insert_job(&two, Some(&claim)).await, InsertJobOutcome::Repeated(repeated(&one.id, true)));
    let other = IdempotencyKey { fingerprint: [0; 32], ..claim };
    assert_eq!(handle.try_insert_job(&two, Some(&other)).await, InsertJobOutcome::Repeated(repeated(&one.id, false)));
    assert_eq!(handle.store.job_exists(two.id).await, Ok(false));
    assert_eq!(one.status, JobStatus::Pending);
    assert_eq!(handle.store.active_jobs(&one.tenant).await.unwrap().pending, 1);
}

pub async fn a_job_that_is_not_inserted_claims_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let claim = handle.claim("once");
    let mut job = handle.new_job();
    job.tenant = "nobody".parse().unwrap();
    assert_eq!(handle.try_insert_job(&job, Some(&claim)).await, InsertJobOutcome::UnknownTenant);
    assert_eq!(handle.try_insert(&handle.new_key(), Some(&claim)).await, InsertKeyOutcome::Inserted);
}

pub async fn parallel_cancels_cancel_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for _ in 0..10 {
        let job = handle.job(JobStatus::Pending).await;
        let answers = at_once(8, |_| {
            let (store, job, at) = (handle.store.clone(), job.clone(), handle.now());
            let entry = handle.entry(WorkAction::JOB_CANCELLED, &job.tenant, WorkTarget::Job(job.id).into());
            async move { store.cancel_job(&job.tenant, job.id, at, &entry).await.unwrap() }
        })
        .await;
        assert_eq!(answers.iter().filter(|answer| **answer == CancelJobOutcome::Cancelled).count(), 1);
        assert_eq!(
            answers.iter().filter(|answer| **answer == CancelJobOutcome::Ended(JobStatus::Cancelled)).count(),
            7
        );
    }
    assert_eq!(handle.audit().await.len(), 20);
}
