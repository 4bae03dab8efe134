//! Jobs: insert, get, list, cancel, delete.

use super::{
    WorkFixture,
    handle::{WorkHandle, metadata, page},
};
use crate::{
    ActiveJobs, Audio, CancelJobOutcome, DeleteJobOutcome, InsertJobOutcome, Job, JobOptions, JobStatus, WorkAction,
    WorkTarget,
};
use dalston_model::{Actor, FileName, Start, Timestamp};
use serde_json::json;

async fn cancel(handle: &WorkHandle, job: &Job, at: Timestamp) -> CancelJobOutcome {
    let entry = handle.entry(WorkAction::JOB_CANCELLED, &job.tenant, WorkTarget::Job(job.id).into());
    handle.store.cancel_job(&job.tenant, job.id, at, &entry).await.unwrap()
}

async fn delete(handle: &WorkHandle, job: &Job) -> DeleteJobOutcome {
    let entry = handle.entry(WorkAction::JOB_DELETED, &job.tenant, WorkTarget::Job(job.id).into());
    handle.store.delete_job(&job.tenant, job.id, &entry).await.unwrap()
}

async fn look(handle: &WorkHandle, job: &Job) -> Job {
    handle.store.job(&job.tenant, job.id).await.unwrap().unwrap()
}

async fn survives(handle: &WorkHandle, job: &Job) {
    assert_eq!(handle.try_insert_job(job, None).await, InsertJobOutcome::Inserted);
    assert_eq!(&look(handle, job).await, job);
    let listed = handle.store.jobs(&job.tenant, &page(100, Start::Newest), None).await.unwrap();
    assert!(listed.items.contains(job));
    assert_eq!(handle.store.job_exists(job.id).await, Ok(true));
}

pub async fn every_field_of_a_job_survives(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = Job {
        status: JobStatus::Failed,
        filename: FileName::clean("Ünï 'quo\"te' %_; DROP TABLE jobs; -- 日本 🎉.wav"),
        content_type: Some("audio/wav; x=\"'\"".to_owned()),
        size_bytes: 9_007_199_254_740_993,
        audio: Audio {
            format: "wav".to_owned(),
            duration_seconds: Some(0.1 + 0.2),
            sample_rate: Some(u32::MAX),
            channels: Some(u32::MAX),
        },
        model: Some("fast\n'".to_owned()),
        language: Some("ру".to_owned()),
        options: JobOptions {
            translate: true,
            words: true,
            prompt: Some("Ünï 'quo\"te'\n🎉".to_owned()),
            temperature: Some(0.1 + 0.2),
        },
        metadata: metadata(),
        created_at: Timestamp::from_micros(1),
        created_by: Some(Actor::Key(handle.key_id())),
        started_at: Some(Timestamp::from_micros(1_767_225_600_000_001)),
        completed_at: Some(Timestamp::from_micros(253_402_300_799_999_999)),
        progress: Some(1_000),
        error: Some("it 'failed'\r\n\t\"badly\"".to_owned()),
        result: Some(json!({"segments": [], "words": {}, "text": "日本", "start": 0.25, "n": u64::MAX})),
        ..handle.new_job()
    };
    survives(&handle, &job).await;
}

pub async fn a_job_with_nothing_optional_survives(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = Job { size_bytes: 0, ..handle.new_job() };
    survives(&handle, &job).await;
    assert_eq!(handle.audit().await.len(), 1);
    let stranger = handle.new_job();
    assert_eq!(handle.store.job(&stranger.tenant, stranger.id).await, Ok(None));
    assert_eq!(handle.store.job_exists(stranger.id).await, Ok(false));
    assert_eq!(cancel(&handle, &stranger, handle.now()).await, CancelJobOutcome::Unknown);
    assert_eq!(delete(&handle, &stranger).await, DeleteJobOutcome::Unknown);
}

pub async fn every_status_survives(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in JobStatus::ALL {
        survives(&handle, &Job { status, result: Some(json!("text")), ..handle.new_job() }).await;
    }
}

pub async fn a_job_of_an_unknown_tenant_is_not_inserted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = Job { tenant: "nobody".parse().unwrap(), ..handle.new_job() };
    assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::UnknownTenant);
    assert_eq!(handle.store.job_exists(job.id).await, Ok(false));
    assert_eq!(handle.seq().await, 0);
}

pub async fn a_pending_job_is_cancelled_at_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.job(JobStatus::Pending).await;
    let at = Timestamp::from_micros(handle.now().as_micros() + 1_000_001);
    assert_eq!(cancel(&handle, &job, at).await, CancelJobOutcome::Cancelled);
    let cancelled = Job { status: JobStatus::Cancelled, completed_at: Some(at), ..job.clone() };
    assert_eq!(look(&handle, &job).await, cancelled);
    assert_eq!(cancel(&handle, &job, handle.now()).await, CancelJobOutcome::Ended(JobStatus::Cancelled));
    assert_eq!(look(&handle, &job).await, cancelled);
    assert_eq!(handle.audit().await.len(), 2);
}

pub async fn a_running_job_is_asked_to_stop(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.job(JobStatus::Running).await;
    assert_eq!(cancel(&handle, &job, handle.now()).await, CancelJobOutcome::Cancelling);
    let seq = handle.seq().await;
    assert_eq!(cancel(&handle, &job, handle.now()).await, CancelJobOutcome::Cancelling);
    assert_eq!(handle.seq().await, seq, "nothing changed the second time");
    assert_eq!(look(&handle, &job).await, Job { status: JobStatus::Cancelling, ..job });
    assert_eq!(handle.audit().await.len(), 2);
}

pub async fn an_ended_job_is_not_cancelled(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled] {
        let job = handle.job(status).await;
        let seq = handle.seq().await;
        assert_eq!(cancel(&handle, &job, handle.now()).await, CancelJobOutcome::Ended(status));
        assert_eq!(look(&handle, &job).await, job);
        assert_eq!(handle.seq().await, seq);
    }
}

pub async fn only_an_ended_job_is_deleted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in JobStatus::ALL {
        let job = handle.job(status).await;
        let records = handle.audit().await.len();
        if status.is_ended() {
            assert_eq!(delete(&handle, &job).await, DeleteJobOutcome::Deleted);
            assert_eq!(handle.store.job_exists(job.id).await, Ok(false));
            assert_eq!(handle.store.job(&job.tenant, job.id).await, Ok(None));
            assert_eq!(delete(&handle, &job).await, DeleteJobOutcome::Unknown);
            assert_eq!(cancel(&handle, &job, handle.now()).await, CancelJobOutcome::Unknown);
            assert_eq!(handle.audit().await.len(), records + 1);
        } else {
            assert_eq!(delete(&handle, &job).await, DeleteJobOutcome::NotEnded);
            assert_eq!(look(&handle, &job).await, job);
            assert_eq!(handle.audit().await.len(), records);
        }
    }
    let left = handle.store.jobs(&handle.new_job().tenant, &page(100, Start::Newest), None).await.unwrap();
    assert_eq!(left.items.len(), 3, "deleted jobs are not listed");
}

pub async fn active_jobs_are_counted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let tenant = handle.new_job().tenant;
    assert_eq!(handle.store.active_jobs(&tenant).await, Ok(ActiveJobs::default()));
    for (status, jobs) in JobStatus::ALL.into_iter().zip([3, 2, 1, 1, 1, 1]) {
        for _ in 0..jobs {
            handle.job(status).await;
        }
    }
    let counted = |pending, running, cancelling| Ok(ActiveJobs { pending, running, cancelling });
    assert_eq!(handle.store.active_jobs(&tenant).await, counted(3, 2, 1));
    let (pending, running) = (handle.job(JobStatus::Pending).await, handle.job(JobStatus::Running).await);
    assert_eq!(handle.store.active_jobs(&tenant).await, counted(4, 3, 1));
    cancel(&handle, &pending, handle.now()).await;
    cancel(&handle, &running, handle.now()).await;
    assert_eq!(handle.store.active_jobs(&tenant).await, counted(3, 2, 2));
}

pub async fn jobs_are_listed_by_status(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in JobStatus::ALL {
        handle.job(status).await;
    }
    let cancelled = handle.job(JobStatus::Pending).await;
    cancel(&handle, &cancelled, handle.now()).await;
    for status in JobStatus::ALL {
        let listed = handle.store.jobs(&cancelled.tenant, &page(100, Start::Newest), Some(status)).await.unwrap();
        assert!(listed.items.iter().all(|job| job.status == status));
        assert_eq!(listed.items.len(), if status == JobStatus::Cancelled { 2 } else { 1 }, "{status}");
    }
    let second = page(1, Start::Offset(1));
    let listed = handle.store.jobs(&cancelled.tenant, &second, Some(JobStatus::Cancelled)).await.unwrap();
    assert_eq!((listed.items.len(), listed.next), (1, None));
}
