//! The end of a job: it happens once, with its audit record, deliveries and settlement.

use super::{
    WorkFixture,
    handle::{
        WorkHandle,
        work::{MICRO, MINUTE, completed, failed, retry},
    },
};
use crate::{
    CancelJobOutcome, Delivery, EventKind, FinishJobOutcome, HeartbeatOutcome, InsertJobOutcome, Job, JobLease,
    JobOutcome, JobStatus, MAX_DEATHS, QuotaOwner, Webhook, ended_entry, ended_event,
};
use dalston_model::{AuditRecord, KeyId, TenantId};
use dalston_store::RevokeKeyOutcome;
use std::time::Duration;

/// Asserts that the job has ended now, with one audit record and one delivery to `hook`.
async fn has_ended(handle: &WorkHandle, job: &Job, hook: &Webhook) {
    assert_eq!(&handle.look_job(job).await, job);
    assert_eq!(job.completed_at, Some(handle.now()));
    let records = handle.ends(job.id).await;
    assert_eq!(records.len(), 1);
    let expected = AuditRecord::new(records[0].seq, &ended_entry(job, handle.now()).unwrap());
    assert_eq!(AuditRecord { hash: None, ..records[0].clone() }, expected);
    let event = ended_event(job, handle.now()).unwrap();
    let told = handle.deliveries(hook).await;
    let told: Vec<_> = told.iter().filter(|it| it.body.contains(&job.id.to_string())).collect();
    assert_eq!(told, [&Delivery::new(&event, hook.id)]);
}

/// Returns the metered audio of the key and of its tenant.
async fn metered(handle: &WorkHandle, key: KeyId) -> [(u64, u64); 2] {
    let tenant = TenantId::default();
    let own = handle.metered(&QuotaOwner::Key(tenant.clone(), key)).await;
    [own, handle.metered(&QuotaOwner::Tenant(tenant)).await]
}

pub async fn every_outcome_ends_a_job_as_it_says(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    for (outcome, status) in [
        (completed(7), JobStatus::Completed),
        (failed(), JobStatus::Failed),
        (JobOutcome::Cancelled, JobStatus::Cancelled),
    ] {
        handle.pending(&TenantId::default()).await;
        let held = handle.lease().await;
        handle.beat(&held.lease, Some(500)).await;
        handle.clock.advance(Duration::from_secs(1));
        let before = handle.look_job(&held.job).await;
        let ended = handle.finished(&held.lease, &outcome).await;
        assert_eq!(ended, outcome.apply(before, handle.now()));
        assert_eq!(ended.status, status);
        has_ended(&handle, &ended, &hook).await;
        assert_eq!(handle.try_lease(10, 10).await, []);
        assert_eq!(handle.beat(&held.lease, None).await, HeartbeatOutcome::Lost);
    }
}

pub async fn the_end_has_the_time_that_it_is_given(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    let at = handle.now().plus(Duration::from_micros(1_234_567));
    handle.store.finish_job(&held.lease, &failed(), at).await.unwrap();
    assert_eq!(handle.look_job(&job).await.completed_at, Some(at));
    assert_eq!(handle.ends(job.id).await[0].time, at);
}

pub async fn a_job_ends_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    let ended = handle.finished(&held.lease, &completed(7)).await;
    let seq = handle.seq().await;
    for outcome in [completed(7), failed(), retry(Duration::ZERO), JobOutcome::Cancelled] {
        assert_eq!(handle.finish(&held.lease, &outcome).await, FinishJobOutcome::Lost);
    }
    assert_eq!(handle.cancel(&ended).await, CancelJobOutcome::Ended(JobStatus::Completed));
    has_ended(&handle, &ended, &hook).await;
    handle.clock.advance(MINUTE);
    assert_eq!(handle.reclaim(1).await, []);
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.deliveries(&hook).await.len(), 1);
}

pub async fn a_lease_that_does_not_count_ends_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let job = handle.pending(&TenantId::default()).await;
    let guess = JobLease { tenant: job.tenant.clone(), job: job.id, fence: 0 };
    assert_eq!(handle.finish(&guess, &failed()).await, FinishJobOutcome::Lost, "it was never leased");
    let held = handle.lease().await;
    let seq = handle.seq().await;
    for wrong in [
        JobLease { tenant: acme, ..held.lease.clone() },
        JobLease { job: handle.new_job().id, ..held.lease.clone() },
        JobLease { fence: held.lease.fence + 1, ..held.lease.clone() },
        guess,
    ] {
        assert_eq!(handle.finish(&wrong, &failed()).await, FinishJobOutcome::Lost);
    }
    assert_eq!(handle.look_job(&job).await, held.job);
    assert_eq!(handle.seq().await, seq);
}

pub async fn a_job_that_was_asked_to_stop_is_cancelled_whatever_came_out(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    for outcome in [completed(7), failed(), retry(MINUTE), JobOutcome::Cancelled] {
        handle.pending(&TenantId::default()).await;
        let held = handle.lease().await;
        assert_eq!(handle.cancel(&held.job).await, CancelJobOutcome::Cancelling);
        assert_eq!(handle.deliveries(&hook).await.iter().filter(|it| it.created_at == handle.now()).count(), 0);
        assert_eq!(handle.beat(&held.lease, None).await, HeartbeatOutcome::Cancelling);
        let ended = handle.finished(&held.lease, &outcome).await;
        let completed_at = Some(handle.now());
        assert_eq!(ended, Job { status: JobStatus::Cancelled, completed_at, ..held.job });
        has_ended(&handle, &ended, &hook).await;
        assert_eq!(handle.try_lease(10, 10).await, []);
    }
}

pub async fn a_job_whose_node_died_is_tried_once_more(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    for attempts in [1, 2, 9] {
        handle.pending(&TenantId::default()).await;
        let last = attempts.min(MAX_DEATHS);
        for attempt in 1..=last {
            let held = handle.lease().await;
            assert_eq!((held.lease.fence, held.deaths), (attempt, attempt - 1));
            handle.beat(&held.lease, Some(10)).await;
            handle.clock.advance(MINUTE);
            let mut moved = handle.reclaim(attempts).await;
            assert_eq!(moved.len(), 1);
            let job = moved.remove(0);
            assert_eq!(job.error.as_deref(), Some("the node died"));
            if attempt < last {
                assert_eq!((job.status, job.completed_at, job.progress), (JobStatus::Pending, None, None));
                assert_eq!(handle.look_job(&job).await, job);
                assert_eq!(handle.ends(job.id).await, []);
            } else {
                assert_eq!(job.status, JobStatus::Failed);
                has_ended(&handle, &job, &hook).await;
            }
            assert_eq!(handle.reclaim(attempts).await, [], "once");
        }
        assert_eq!(handle.try_lease(10, 10).await, []);
    }
}

pub async fn deaths_at_a_job_are_counted_whoever_died(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    handle.pending(&TenantId::default()).await;
    let died = JobOutcome::Died { error: "the process died".to_owned() };
    for (outcome, before) in [(retry(Duration::ZERO), 0), (died, 0), (retry(Duration::ZERO), 1)] {
        let held = handle.lease().await;
        assert_eq!(held.deaths, before, "an engine that is away is no death");
        let job = handle.finished(&held.lease, &outcome).await;
        assert_eq!((job.status, job.completed_at, job.progress), (JobStatus::Pending, None, None));
        assert_eq!(handle.look_job(&job).await, job);
    }
    let held = handle.lease().await;
    assert_eq!((held.lease.fence, held.deaths), (4, 1));
    handle.clock.advance(MINUTE);
    let moved = handle.reclaim(9).await;
    assert_eq!(moved.len(), 1);
    assert_eq!((moved[0].status, moved[0].error.as_deref()), (JobStatus::Failed, Some("the node died")));
    has_ended(&handle, &moved[0], &hook).await;
    let stopped = handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    assert_eq!(held.deaths, 0, "each job has its own");
    handle.cancel(&stopped).await;
    let ended = handle.finished(&held.lease, &JobOutcome::Died { error: "the process died".to_owned() }).await;
    assert_eq!((ended.status, ended.error), (JobStatus::Cancelled, None));
}

pub async fn a_lapsed_job_that_was_to_stop_is_cancelled(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    for attempts in [1, 3] {
        handle.pending(&TenantId::default()).await;
        let held = handle.lease().await;
        handle.cancel(&held.job).await;
        handle.clock.advance(MINUTE);
        let moved = handle.reclaim(attempts).await;
        assert_eq!(moved.len(), 1);
        assert_eq!(moved[0].status, JobStatus::Cancelled);
        has_ended(&handle, &moved[0], &hook).await;
    }
}

pub async fn no_more_jobs_are_reclaimed_than_asked_for(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for _ in 0..5 {
        handle.pending(&TenantId::default()).await;
    }
    assert_eq!(handle.try_lease(5, 10).await.len(), 5);
    handle.clock.advance(MINUTE);
    let mut counts = Vec::new();
    for limit in [0, 2, 2, 2, 2] {
        counts.push(handle.store.reclaim_jobs(9, "it", handle.now(), limit).await.unwrap().len());
    }
    assert_eq!(counts, [0, 2, 2, 1, 0]);
    assert_eq!(handle.try_lease(10, 10).await.len(), 5);
}

pub async fn jobs_of_a_revoked_key_are_cancelled(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    let (gone, stays) = (handle.key().await.key, handle.key().await.key);
    let running = handle.spoken(Some(gone.id), 1.0);
    assert_eq!(handle.try_insert_job(&running, None).await, InsertJobOutcome::Inserted);
    let held = handle.lease().await;
    let mut queued = Vec::new();
    for key in [Some(gone.id), Some(gone.id), Some(gone.id), Some(stays.id), None, Some(handle.key_id())] {
        let job = handle.spoken(key, 1.0);
        assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
        queued.push(job);
    }
    assert_eq!(handle.store.cancel_orphans(handle.now(), 10).await, Ok(Vec::new()));
    assert_eq!(handle.revoke(&gone).await, RevokeKeyOutcome::Revoked);
    assert_eq!(metered(&handle, gone.id).await[0], (4_000, 0));
    assert_eq!(handle.store.cancel_orphans(handle.now(), 0).await, Ok(Vec::new()));
    let mut cancelled = handle.store.cancel_orphans(handle.now(), 2).await.unwrap();
    assert_eq!(cancelled.len(), 2);
    cancelled.extend(handle.store.cancel_orphans(handle.now(), 2).await.unwrap());
    assert_eq!(cancelled.len(), 3);
    for job in &cancelled {
        assert_eq!((job.status, job.key()), (JobStatus::Cancelled, Some(gone.id)));
        has_ended(&handle, job, &hook).await;
    }
    assert_eq!(handle.store.cancel_orphans(handle.now(), 10).await, Ok(Vec::new()));
    for job in &queued[3..] {
        assert_eq!(&handle.look_job(job).await, job, "it waits on");
    }
    assert_eq!(metered(&handle, gone.id).await[0], (1_000, 0), "the one that runs goes on");
    assert_eq!(handle.beat(&held.lease, None).await, HeartbeatOutcome::Held);
    handle.finished(&held.lease, &retry(MINUTE)).await;
    assert_eq!(handle.store.cancel_orphans(handle.now(), 10).await.unwrap().len(), 1, "until it waits again");
}

pub async fn every_webhook_that_hears_an_end_is_told_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let all = handle.webhook(&[]).await;
    let each = [EventKind::Completed, EventKind::Failed, EventKind::Cancelled];
    let mut one = Vec::new();
    for kind in each {
        one.push(handle.webhook(&[kind]).await);
    }
    let off = handle.webhook(&[]).await;
    handle.switch(&off, false).await;
    let theirs = Webhook { tenant: acme, ..handle.new_webhook() };
    handle.try_insert_webhook(&theirs).await;
    for outcome in [completed(0), failed(), JobOutcome::Cancelled] {
        handle.pending(&TenantId::default()).await;
        let held = handle.lease().await;
        handle.finished(&held.lease, &outcome).await;
    }
    // A job that ends before it was started.
    handle.happen().await;
    assert_eq!(handle.deliveries(&all).await.len(), 4);
    for (hook, (kind, count)) in one.iter().zip(each.into_iter().zip([1, 1, 2])) {
        let told = handle.deliveries(hook).await;
        assert_eq!(told.iter().filter(|it| it.kind == kind).count(), count);
        assert_eq!(told.len(), count);
    }
    handle.switch(&off, true).await;
    assert_eq!(handle.deliveries(&off).await, [], "what it did not hear, it is not told later");
    assert_eq!(handle.deliveries(&theirs).await, []);
}

pub async fn a_cancelled_job_is_told_of_and_settled(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    let key = handle.key().await.key.id;
    let job = handle.spoken(Some(key), 2.5);
    assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
    assert_eq!(metered(&handle, key).await, [(2_500, 0); 2]);
    assert_eq!(handle.cancel(&job).await, CancelJobOutcome::Cancelled);
    let ended = handle.look_job(&job).await;
    let told = Delivery::new(&ended_event(&ended, handle.now()).unwrap(), hook.id);
    assert_eq!(handle.deliveries(&hook).await, std::slice::from_ref(&told));
    assert_eq!(metered(&handle, key).await, [(0, 0); 2]);
    assert_eq!(handle.ends(job.id).await, [], "the caller's record, not another");
    handle.cancel(&job).await;
    assert_eq!(handle.deliveries(&hook).await, [told]);
}

pub async fn the_end_settles_what_was_reserved(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let mut sum = 0;
    for (outcome, kept) in [(completed(4_321), 4_321), (completed(100), 100), (failed(), 0), (JobOutcome::Cancelled, 0)]
    {
        let job = handle.spoken(Some(key), 2.0004);
        assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
        assert_eq!(metered(&handle, key).await, [(sum + 2_001, 0); 2], "rounded up");
        let held = handle.lease().await;
        // A job that becomes pending again keeps its reservation.
        handle.finished(&held.lease, &retry(Duration::ZERO)).await;
        handle.lease().await;
        handle.clock.advance(MINUTE);
        handle.reclaim(9).await;
        assert_eq!(metered(&handle, key).await, [(sum + 2_001, 0); 2]);
        let held = handle.lease().await;
        handle.finished(&held.lease, &outcome).await;
        sum += kept;
        assert_eq!(metered(&handle, key).await, [(sum, 0); 2], "{outcome:?}");
    }
    for cancelling in [false, true] {
        assert_eq!(handle.try_insert_job(&handle.spoken(Some(key), 1.0), None).await, InsertJobOutcome::Inserted);
        let held = handle.lease().await;
        if cancelling {
            handle.cancel(&held.job).await;
            assert_eq!(metered(&handle, key).await, [(sum + 1_000, 0); 2], "it has not stopped");
        }
        handle.clock.advance(MINUTE + MICRO);
        assert_eq!(handle.reclaim(1).await.len(), 1);
        assert_eq!(metered(&handle, key).await, [(sum, 0); 2]);
    }
}

pub async fn audio_of_unknown_length_is_metered_when_it_is_known(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let tenant = QuotaOwner::Tenant(TenantId::default());
    let job = handle.pending(&TenantId::default()).await;
    assert_eq!(handle.metered(&tenant).await, (0, 0));
    let held = handle.lease().await;
    // Usage is charged to the day on which the job was created.
    handle.clock.advance(Duration::from_hours(24));
    handle.finished(&held.lease, &completed(1_234)).await;
    let days = handle.store.metered(&tenant, dalston_model::Day::from_number(0)).await.unwrap();
    assert_eq!(days.iter().map(|it| (it.day, it.jobs_ms)).collect::<Vec<_>>(), [(job.account().day, 1_234)]);
}
