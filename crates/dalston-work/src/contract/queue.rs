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
    let hand = WorkHandle::of(fixture);
    assert_eq!(hand.try_lease(10, 10).await, []);
    let job = hand.pending(&TenantId::default()).await;
    let seq = hand.seq().await;
    let LeasedJob { job: leased, lease, .. } = hand.lease().await;
    assert_eq!(leased, Job { status: JobStatus::Running, started_at: Some(hand.now()), ..job.clone() });
    assert_eq!(lease, JobLease { tenant: job.tenant.clone(), job: job.id, fence: 1 });
    assert_eq!(hand.look_job(&job).await, leased);
    assert_eq!(hand.store.active_jobs(&job.tenant).await.unwrap().running, 1);
    assert_eq!(hand.try_lease(10, 10).await, [], "by one only");
    assert_eq!(hand.seq().await, seq, "it has not ended");
}

pub async fn only_pending_jobs_are_leased(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    for status in JobStatus::ALL {
        hand.job(status).await;
    }
    let cancelled = hand.pending(&TenantId::default()).await;
    hand.cancel(&cancelled).await;
    let leased = hand.try_lease(10, 10).await;
    assert_eq!(leased.len(), 1);
}

pub async fn no_more_jobs_are_leased_than_asked_for(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    for _ in 0..5 {
        hand.pending(&TenantId::default()).await;
    }
    assert_eq!(hand.try_lease(0, 10).await, []);
    assert_eq!(hand.try_lease(2, 10).await.len(), 2);
    assert_eq!(hand.try_lease(10, 10).await.len(), 3);
}

pub async fn the_oldest_job_of_a_tenant_comes_first(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(hand.pending(&TenantId::default()).await.id);
    }
    let (first, rest) = (hand.try_lease(5, 100).await, hand.try_lease(100, 100).await);
    assert_eq!([ids(&first), ids(&rest)].concat(), jobs);
}

pub async fn tenants_that_are_passed_over_keep_their_turn(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (default, acme, zeta) = (TenantId::default(), hand.tenant("acme").await, hand.tenant("zeta").await);
    for _ in 0..3 {
        for tenant in [&default, &acme, &zeta] {
            hand.pending(tenant).await;
        }
    }
    let leased = hand.try_lease_but(10, 2, std::slice::from_ref(&default)).await;
    assert_eq!(tenants(&leased), ["acme", "zeta", "acme", "zeta"]);
    assert_eq!(hand.try_lease_but(10, 10, &[default.clone(), acme.clone(), zeta.clone()]).await, []);
    // `default` was served least recently.
    let leased = hand.try_lease_but(2, 10, &[zeta]).await;
    assert_eq!(tenants(&leased), ["default", "default"]);
    assert_eq!(tenants(&hand.try_lease_but(10, 10, &[default, acme]).await), ["zeta"]);
    assert_eq!(hand.try_lease(10, 10).await.len(), 2);
}

pub async fn no_tenant_runs_more_than_its_share(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    for _ in 0..5 {
        hand.pending(&TenantId::default()).await;
        hand.pending(&acme).await;
    }
    let mut leased = hand.try_lease(10, 2).await;
    let mut names = tenants(&leased);
    names.sort_unstable();
    assert_eq!(names, ["acme", "acme", "default", "default"]);
    assert_eq!(hand.try_lease(10, 2).await, [], "on all nodes together");
    // A cancelling job still counts as running.
    hand.cancel(&leased[0].job).await;
    assert_eq!(hand.try_lease(10, 2).await, []);
    let ended = leased.remove(0);
    hand.finished(&ended.lease, &JobOutcome::Cancelled).await;
    let next = hand.try_lease(10, 2).await;
    assert_eq!(tenants(&next), [ended.job.tenant.as_str()], "a place is free");
    hand.finished(&next[0].lease, &retry(MINUTE)).await;
    assert_eq!(hand.try_lease(10, 2).await.len(), 1, "one that waits takes no place");
    assert_eq!(hand.try_lease(10, 0).await, []);
}

pub async fn many_jobs_of_one_tenant_delay_another_by_one(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    // The full number for the memory engine, where jobs are cheap.
    let many = if hand.store.kind() == "memory" { 10_000 } else { 500 };
    for _ in 0..many {
        hand.pending(&TenantId::default()).await;
    }
    let held = hand.try_lease(1, 100).await;
    assert_eq!(tenants(&held), ["default"]);
    let late = hand.pending(&acme).await;
    hand.finished(&held[0].lease, &completed(0)).await;
    let next = hand.try_lease(1, 100).await;
    assert_eq!(ids(&next), [late.id], "however many wait before it");
    hand.finished(&next[0].lease, &completed(0)).await;
    // The same with several running jobs: a free place goes to the tenant with fewer running jobs.
    let held = hand.try_lease(4, 100).await;
    assert_eq!(tenants(&held), ["default"; 4]);
    let late = hand.pending(&acme).await;
    assert_eq!(ids(&hand.try_lease(1, 100).await), [late.id]);
}

pub async fn tenants_get_equal_shares(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (acme, beta) = (hand.tenant("acme").await, hand.tenant("beta").await);
    for (tenant, jobs) in [(TenantId::default(), 20), (acme, 9), (beta, 6)] {
        for _ in 0..jobs {
            hand.pending(&tenant).await;
        }
    }
    let leased = hand.try_lease(9, 100).await;
    for name in ["default", "acme", "beta"] {
        assert_eq!(tenants(&leased).iter().filter(|it| **it == name).count(), 3, "{name}");
    }
    // With equal numbers of running jobs the tenants take turns.
    for leased in leased {
        hand.finished(&leased.lease, &completed(0)).await;
    }
    let mut turns = Vec::new();
    for _ in 0..9 {
        let one = hand.try_lease(1, 100).await;
        turns.push(one[0].job.tenant.to_string());
        hand.finished(&one[0].lease, &completed(0)).await;
    }
    for three in turns.chunks(3) {
        let mut three = three.to_vec();
        three.sort();
        assert_eq!(three, ["acme", "beta", "default"], "{turns:?}");
    }
    for rest in ["default", "acme", "default", "acme", "default", "acme"] {
        turns.push(rest.to_owned());
        let one = hand.try_lease(1, 100).await;
        hand.finished(&one[0].lease, &completed(0)).await;
    }
    let left = hand.try_lease(100, 100).await;
    assert!(tenants(&left).iter().all(|name| *name == "default"), "the others are through");
    assert_eq!(left.len(), 35 - 9 - 9 - 6);
}

pub async fn a_lease_lapses_and_another_takes_the_job(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let job = hand.pending(&TenantId::default()).await;
    let first = hand.lease().await;
    hand.clock.advance(ALMOST);
    assert_eq!(hand.reclaim(3).await, []);
    assert_eq!(hand.try_lease(10, 10).await, []);
    hand.clock.advance(MICRO);
    assert_eq!(hand.reclaim(3).await.len(), 1);
    assert_eq!(hand.beat(&first.lease, Some(1)).await, HeartbeatOutcome::Lost, "it waits for another");
    assert_eq!(hand.finish(&first.lease, &completed(1)).await, FinishJobOutcome::Lost);
    let second = hand.lease().await;
    assert_eq!((second.job.id, second.lease.fence), (job.id, 2));
    assert_eq!(second.job.started_at, first.job.started_at, "it began when it first did");
    assert_eq!(hand.beat(&first.lease, Some(1)).await, HeartbeatOutcome::Lost, "it is another's");
    for outcome in [completed(1), retry(MINUTE), JobOutcome::Cancelled] {
        assert_eq!(hand.finish(&first.lease, &outcome).await, FinishJobOutcome::Lost);
    }
    assert_eq!(hand.look_job(&job).await, second.job, "nothing was changed");
    assert_eq!(hand.beat(&second.lease, None).await, HeartbeatOutcome::Held);
    assert_eq!(hand.finished(&second.lease, &completed(1)).await.status, JobStatus::Completed);
    assert_eq!(hand.beat(&second.lease, None).await, HeartbeatOutcome::Lost, "it has ended");
    assert_eq!(hand.ends(job.id).await.len(), 1);
}

pub async fn a_heartbeat_keeps_a_lease(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    hand.pending(&TenantId::default()).await;
    let held = hand.lease().await;
    for _ in 0..3 {
        hand.clock.advance(ALMOST);
        assert_eq!(hand.beat(&held.lease, None).await, HeartbeatOutcome::Held);
    }
    hand.clock.advance(ALMOST);
    assert_eq!(hand.reclaim(3).await, []);
    hand.clock.advance(MICRO);
    assert_eq!(hand.reclaim(3).await.len(), 1);
}

pub async fn a_lapsed_lease_counts_until_it_is_taken_back(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let job = hand.pending(&TenantId::default()).await;
    let held = hand.lease().await;
    hand.clock.advance(MINUTE * 2);
    assert_eq!(hand.beat(&held.lease, None).await, HeartbeatOutcome::Held);
    assert_eq!(hand.reclaim(3).await, [], "it goes on");
    hand.clock.advance(MINUTE * 2);
    hand.finished(&held.lease, &completed(0)).await;
    assert_eq!(hand.reclaim(3).await, []);
    assert_eq!(hand.look_job(&job).await.status, JobStatus::Completed);
}

pub async fn heartbeats_are_answered_each_in_order(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert_eq!(hand.store.beat_jobs(&[], MINUTE).await, Ok(Vec::new()));
    let acme = hand.tenant("acme").await;
    for tenant in [&acme, &acme, &TenantId::default(), &TenantId::default()] {
        hand.pending(tenant).await;
    }
    let leased = hand.try_lease(10, 10).await;
    hand.cancel(&leased[1].job).await;
    hand.finished(&leased[2].lease, &completed(0)).await;
    let stranger = JobLease { job: hand.new_job().id, ..leased[0].lease.clone() };
    let elsewhere = JobLease { tenant: hand.tenant("other").await, ..leased[0].lease.clone() };
    let later = JobLease { fence: 2, ..leased[3].lease.clone() };
    let asked = [&leased[0].lease, &stranger, &leased[1].lease, &leased[2].lease, &elsewhere, &leased[3].lease, &later];
    let asked: Vec<_> = asked.into_iter().map(|lease| (lease.clone(), Some(250))).collect();
    let beats = hand.store.beat_jobs(&asked, MINUTE).await.unwrap();
    let (held, lost) = (HeartbeatOutcome::Held, HeartbeatOutcome::Lost);
    assert_eq!(beats, [held, lost, HeartbeatOutcome::Cancelling, lost, lost, held, lost]);
}

pub async fn progress_is_noted(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let job = hand.pending(&TenantId::default()).await;
    let held = hand.lease().await;
    assert_eq!(hand.look_job(&job).await.progress, None);
    let seq = hand.seq().await;
    for (progress, seen) in [(None, None), (Some(0), Some(0)), (Some(999), Some(999)), (None, Some(999))] {
        hand.beat(&held.lease, progress).await;
        assert_eq!(hand.look_job(&job).await, Job { progress: seen, ..held.job.clone() });
    }
    assert_eq!(hand.seq().await, seq, "no change to record");
    hand.finished(&held.lease, &retry(Duration::ZERO)).await;
    assert_eq!(hand.look_job(&job).await.progress, None, "it begins anew");
}

pub async fn a_retry_is_due_after_its_time(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let job = hand.pending(&TenantId::default()).await;
    let first = hand.lease().await;
    let waits = hand.finished(&first.lease, &retry(MINUTE)).await;
    let error = Some("not \"yet\"".to_owned());
    assert_eq!(waits, Job { status: JobStatus::Pending, error, ..first.job.clone() });
    assert_eq!(hand.look_job(&job).await, waits);
    assert_eq!(hand.beat(&first.lease, None).await, HeartbeatOutcome::Lost);
    hand.clock.advance(ALMOST);
    assert_eq!(hand.try_lease(10, 10).await, []);
    let younger = hand.pending(&job.tenant).await;
    hand.clock.advance(MICRO);
    let leased = hand.try_lease(10, 10).await;
    assert_eq!(ids(&leased), [job.id, younger.id], "it is still the older one");
    assert_eq!((leased[0].lease.fence, leased[1].lease.fence), (2, 1));
    assert_eq!(hand.ends(job.id).await, [], "it has not ended");
}

pub async fn a_lease_is_as_long_as_it_was_asked_for(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    for seconds in [1, 100] {
        hand.pending(&TenantId::default()).await;
        let ttl = Duration::from_secs(seconds);
        let leased =
            hand.store.lease_jobs(&JobLeaseRequest { limit: 1, per_tenant: 10, but: Vec::new(), ttl }).await.unwrap();
        assert_eq!(leased.len(), 1);
    }
    hand.clock.advance(Duration::from_secs(1));
    assert_eq!(hand.reclaim(3).await.len(), 1);
    hand.clock.advance(Duration::from_secs(98));
    assert_eq!(hand.reclaim(3).await, []);
    hand.clock.advance(Duration::from_secs(1));
    assert_eq!(hand.reclaim(3).await.len(), 1);
}
