//! The queue: which job is leased next, and which lease is valid.

use super::{
    WorkFixture,
    handle::{
        WorkHandle,
        work::{ALMOST, MICRO, MINUTE, completed, retry},
    },
};
use crate::{
    FinishJobOutcome, HeartbeatOutcome, Job, JobId, JobLease, JobLeaseRequest, JobOutcome, JobStatus, LeasedJob,
};
use dalston_model::TenantId;
use std::time::Duration;

fn ids(leased: &[LeasedJob]) -> Vec<JobId> {
    leased.iter().map(|leased| leased.job.id).collect()
}

fn tenants(leased: &[LeasedJob]) -> Vec<&str> {
    leased.iter().map(|leased| leased.job.tenant.as_str()).collect()
}

pub async fn a_leased_job_runs(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert_eq!(handle.try_lease(10, 10).await, []);
    let job = handle.pending(&TenantId::default()).await;
    let seq = handle.seq().await;
    let LeasedJob { job: leased, lease, .. } = handle.lease().await;
    assert_eq!(leased, Job { status: JobStatus::Running, started_at: Some(handle.now()), ..job.clone() });
    assert_eq!(lease, JobLease { tenant: job.tenant.clone(), job: job.id, fence: 1 });
    assert_eq!(handle.look_job(&job).await, leased);
    assert_eq!(handle.store.active_jobs(&job.tenant).await.unwrap().running, 1);
    assert_eq!(handle.try_lease(10, 10).await, [], "by one only");
    assert_eq!(handle.seq().await, seq, "it has not ended");
}

pub async fn only_pending_jobs_are_leased(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for status in JobStatus::ALL {
        handle.job(status).await;
    }
    let cancelled = handle.pending(&TenantId::default()).await;
    handle.cancel(&cancelled).await;
    let leased = handle.try_lease(10, 10).await;
    assert_eq!(leased.len(), 1);
}

pub async fn no_more_jobs_are_leased_than_asked_for(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for _ in 0..5 {
        handle.pending(&TenantId::default()).await;
    }
    assert_eq!(handle.try_lease(0, 10).await, []);
    assert_eq!(handle.try_lease(2, 10).await.len(), 2);
    assert_eq!(handle.try_lease(10, 10).await.len(), 3);
}

pub async fn the_oldest_job_of_a_tenant_comes_first(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(handle.pending(&TenantId::default()).await.id);
    }
    let (first, rest) = (handle.try_lease(5, 100).await, handle.try_lease(100, 100).await);
    assert_eq!([ids(&first), ids(&rest)].concat(), jobs);
}

pub async fn tenants_that_are_passed_over_keep_their_turn(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (default, acme, zeta) = (TenantId::default(), handle.tenant("acme").await, handle.tenant("zeta").await);
    for _ in 0..3 {
        for tenant in [&default, &acme, &zeta] {
            handle.pending(tenant).await;
        }
    }
    let leased = handle.try_lease_but(10, 2, std::slice::from_ref(&default)).await;
    assert_eq!(tenants(&leased), ["acme", "zeta", "acme", "zeta"]);
    assert_eq!(handle.try_lease_but(10, 10, &[default.clone(), acme.clone(), zeta.clone()]).await, []);
    // `default` was served least recently.
    let leased = handle.try_lease_but(2, 10, &[zeta]).await;
    assert_eq!(tenants(&leased), ["default", "default"]);
    assert_eq!(tenants(&handle.try_lease_but(10, 10, &[default, acme]).await), ["zeta"]);
    assert_eq!(handle.try_lease(10, 10).await.len(), 2);
}

pub async fn no_tenant_runs_more_than_its_share(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    for _ in 0..5 {
        handle.pending(&TenantId::default()).await;
        handle.pending(&acme).await;
    }
    let mut leased = handle.try_lease(10, 2).await;
    let mut names = tenants(&leased);
    names.sort_unstable();
    assert_eq!(names, ["acme", "acme", "default", "default"]);
    assert_eq!(handle.try_lease(10, 2).await, [], "on all nodes together");
    // A cancelling job still counts as running.
    handle.cancel(&leased[0].job).await;
    assert_eq!(handle.try_lease(10, 2).await, []);
    let ended = leased.remove(0);
    handle.finished(&ended.lease, &JobOutcome::Cancelled).await;
    let next = handle.try_lease(10, 2).await;
    assert_eq!(tenants(&next), [ended.job.tenant.as_str()], "a place is free");
    handle.finished(&next[0].lease, &retry(MINUTE)).await;
    assert_eq!(handle.try_lease(10, 2).await.len(), 1, "one that waits takes no place");
    assert_eq!(handle.try_lease(10, 0).await, []);
}

pub async fn many_jobs_of_one_tenant_delay_another_by_one(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    // The full number for the memory engine, where jobs are cheap.
    let many = if handle.store.kind() == "memory" { 10_000 } else { 500 };
    for _ in 0..many {
        handle.pending(&TenantId::default()).await;
    }
    let held = handle.try_lease(1, 100).await;
    assert_eq!(tenants(&held), ["default"]);
    let late = handle.pending(&acme).await;
    handle.finished(&held[0].lease, &completed(0)).await;
    let next = handle.try_lease(1, 100).await;
    assert_eq!(ids(&next), [late.id], "however many wait before it");
    handle.finished(&next[0].lease, &completed(0)).await;
    // The same with several running jobs: a free place goes to the tenant with fewer running jobs.
    let held = handle.try_lease(4, 100).await;
    assert_eq!(tenants(&held), ["default"; 4]);
    let late = handle.pending(&acme).await;
    assert_eq!(ids(&handle.try_lease(1, 100).await), [late.id]);
}

pub async fn tenants_get_equal_shares(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (acme, beta) = (handle.tenant("acme").await, handle.tenant("beta").await);
    for (tenant, jobs) in [(TenantId::default(), 20), (acme, 9), (beta, 6)] {
        for _ in 0..jobs {
            handle.pending(&tenant).await;
        }
    }
    let leased = handle.try_lease(9, 100).await;
    for name in ["default", "acme", "beta"] {
        assert_eq!(tenants(&leased).iter().filter(|it| **it == name).count(), 3, "{name}");
    }
    // With equal numbers of running jobs the tenants take turns.
    for leased in leased {
        handle.finished(&leased.lease, &completed(0)).await;
    }
    let mut turns = Vec::new();
    for _ in 0..9 {
        let one = handle.try_lease(1, 100).await;
        turns.push(one[0].job.tenant.to_string());
        handle.finished(&one[0].lease, &completed(0)).await;
    }
    for three in turns.chunks(3) {
        let mut three = three.to_vec();
        three.sort();
        assert_eq!(three, ["acme", "beta", "default"], "{turns:?}");
    }
    for rest in ["default", "acme", "default", "acme", "default", "acme"] {
        turns.push(rest.to_owned());
        let one = handle.try_lease(1, 100).await;
        handle.finished(&one[0].lease, &completed(0)).await;
    }
    let left = handle.try_lease(100, 100).await;
    assert!(tenants(&left).iter().all(|name| *name == "default"), "the others are through");
    assert_eq!(left.len(), 35 - 9 - 9 - 6);
}

pub async fn a_lease_lapses_and_another_takes_the_job(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.pending(&TenantId::default()).await;
    let first = handle.lease().await;
    handle.clock.advance(ALMOST);
    assert_eq!(handle.reclaim(3).await, []);
    assert_eq!(handle.try_lease(10, 10).await, []);
    handle.clock.advance(MICRO);
    assert_eq!(handle.reclaim(3).await.len(), 1);
    assert_eq!(handle.beat(&first.lease, Some(1)).await, HeartbeatOutcome::Lost, "it waits for another");
    assert_eq!(handle.finish(&first.lease, &completed(1)).await, FinishJobOutcome::Lost);
    let second = handle.lease().await;
    assert_eq!((second.job.id, second.lease.fence), (job.id, 2));
    assert_eq!(second.job.started_at, first.job.started_at, "it began when it first did");
    assert_eq!(handle.beat(&first.lease, Some(1)).await, HeartbeatOutcome::Lost, "it is another's");
    for outcome in [completed(1), retry(MINUTE), JobOutcome::Cancelled] {
        assert_eq!(handle.finish(&first.lease, &outcome).await, FinishJobOutcome::Lost);
    }
    assert_eq!(handle.look_job(&job).await, second.job, "nothing was changed");
    assert_eq!(handle.beat(&second.lease, None).await, HeartbeatOutcome::Held);
    assert_eq!(handle.finished(&second.lease, &completed(1)).await.status, JobStatus::Completed);
    assert_eq!(handle.beat(&second.lease, None).await, HeartbeatOutcome::Lost, "it has ended");
    assert_eq!(handle.ends(job.id).await.len(), 1);
}

pub async fn a_heartbeat_keeps_a_lease(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    for _ in 0..3 {
        handle.clock.advance(ALMOST);
        assert_eq!(handle.beat(&held.lease, None).await, HeartbeatOutcome::Held);
    }
    handle.clock.advance(ALMOST);
    assert_eq!(handle.reclaim(3).await, []);
    handle.clock.advance(MICRO);
    assert_eq!(handle.reclaim(3).await.len(), 1);
}

pub async fn a_lapsed_lease_counts_until_it_is_taken_back(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    handle.clock.advance(MINUTE * 2);
    assert_eq!(handle.beat(&held.lease, None).await, HeartbeatOutcome::Held);
    assert_eq!(handle.reclaim(3).await, [], "it goes on");
    handle.clock.advance(MINUTE * 2);
    handle.finished(&held.lease, &completed(0)).await;
    assert_eq!(handle.reclaim(3).await, []);
    assert_eq!(handle.look_job(&job).await.status, JobStatus::Completed);
}

pub async fn heartbeats_are_answered_each_in_order(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert_eq!(handle.store.beat_jobs(&[], MINUTE).await, Ok(Vec::new()));
    let acme = handle.tenant("acme").await;
    for tenant in [&acme, &acme, &TenantId::default(), &TenantId::default()] {
        handle.pending(tenant).await;
    }
    let leased = handle.try_lease(10, 10).await;
    handle.cancel(&leased[1].job).await;
    handle.finished(&leased[2].lease, &completed(0)).await;
    let stranger = JobLease { job: handle.new_job().id, ..leased[0].lease.clone() };
    let elsewhere = JobLease { tenant: handle.tenant("other").await, ..leased[0].lease.clone() };
    let later = JobLease { fence: 2, ..leased[3].lease.clone() };
    let asked = [&leased[0].lease, &stranger, &leased[1].lease, &leased[2].lease, &elsewhere, &leased[3].lease, &later];
    let asked: Vec<_> = asked.into_iter().map(|lease| (lease.clone(), Some(250))).collect();
    let beats = handle.store.beat_jobs(&asked, MINUTE).await.unwrap();
    let (held, lost) = (HeartbeatOutcome::Held, HeartbeatOutcome::Lost);
    assert_eq!(beats, [held, lost, HeartbeatOutcome::Cancelling, lost, lost, held, lost]);
}

pub async fn progress_is_noted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.pending(&TenantId::default()).await;
    let held = handle.lease().await;
    assert_eq!(handle.look_job(&job).await.progress, None);
    let seq = handle.seq().await;
    for (progress, seen) in [(None, None), (Some(0), Some(0)), (Some(999), Some(999)), (None, Some(999))] {
        handle.beat(&held.lease, progress).await;
        assert_eq!(handle.look_job(&job).await, Job { progress: seen, ..held.job.clone() });
    }
    assert_eq!(handle.seq().await, seq, "no change to record");
    handle.finished(&held.lease, &retry(Duration::ZERO)).await;
    assert_eq!(handle.look_job(&job).await.progress, None, "it begins anew");
}

pub async fn a_retry_is_due_after_its_time(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.pending(&TenantId::default()).await;
    let first = handle.lease().await;
    let waits = handle.finished(&first.lease, &retry(MINUTE)).await;
    let error = Some("not \"yet\"".to_owned());
    assert_eq!(waits, Job { status: JobStatus::Pending, error, ..first.job.clone() });
    assert_eq!(handle.look_job(&job).await, waits);
    assert_eq!(handle.beat(&first.lease, None).await, HeartbeatOutcome::Lost);
    handle.clock.advance(ALMOST);
    assert_eq!(handle.try_lease(10, 10).await, []);
    let younger = handle.pending(&job.tenant).await;
    handle.clock.advance(MICRO);
    let leased = handle.try_lease(10, 10).await;
    assert_eq!(ids(&leased), [job.id, younger.id], "it is still the older one");
    assert_eq!((leased[0].lease.fence, leased[1].lease.fence), (2, 1));
    assert_eq!(handle.ends(job.id).await, [], "it has not ended");
}

pub async fn a_lease_is_as_long_as_it_was_asked_for(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for seconds in [1, 100] {
        handle.pending(&TenantId::default()).await;
        let ttl = Duration::from_secs(seconds);
        let leased =
            handle.store.lease_jobs(&JobLeaseRequest { limit: 1, per_tenant: 10, but: Vec::new(), ttl }).await.unwrap();
        assert_eq!(leased.len(), 1);
    }
    handle.clock.advance(Duration::from_secs(1));
    assert_eq!(handle.reclaim(3).await.len(), 1);
    handle.clock.advance(Duration::from_secs(98));
    assert_eq!(handle.reclaim(3).await, []);
    handle.clock.advance(Duration::from_secs(1));
    assert_eq!(handle.reclaim(3).await.len(), 1);
}
