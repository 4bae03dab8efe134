//! Concurrent nodes on jobs, quotas, sessions and deliveries: each job is processed once and no limit is exceeded.

use super::{
    WorkFixture,
    handle::{
        WorkHandle, at_once,
        rooms::worker,
        work::{MINUTE, completed, failed, retry},
    },
};
use crate::{
    AudioAmount, CancelJobOutcome, FinishJobOutcome, InsertJobOutcome, JobId, JobOutcome, LeasedJob,
    OpenSessionOutcome, Quota, QuotaKind, QuotaOwner, ReserveOutcome, SessionId, UsageSource, WorkerId,
};
use dalston_model::TenantId;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Returns the number of rounds: many for the memory engine, few where each round is a round trip to a server.
fn rounds(handle: &WorkHandle, many: usize, few: usize) -> usize {
    if handle.store.kind() == "memory" { many } else { few }
}

pub async fn parallel_nodes_lease_each_job_once(fixture: &WorkFixture) {
    const NODES: usize = 8;
    let handle = WorkHandle::of(fixture);
    let tenants = [TenantId::default(), handle.tenant("acme").await, handle.tenant("beta").await];
    let jobs = rounds(&handle, 300, 90);
    let mut all = HashSet::new();
    for number in 0..jobs {
        all.insert(handle.pending(&tenants[number % 3]).await.id);
    }
    let leased = at_once(NODES, |node| {
        let handle = handle.clone();
        async move {
            let mut own = Vec::new();
            loop {
                let batch = handle.try_lease(u32::try_from(1 + node % 3).unwrap(), 1_000).await;
                if batch.is_empty() {
                    return own;
                }
                own.extend(batch);
            }
        }
    })
    .await;
    let leased: Vec<LeasedJob> = leased.into_iter().flatten().collect();
    assert!(leased.iter().all(|it| it.lease.fence == 1));
    let ids: HashSet<JobId> = leased.iter().map(|it| it.job.id).collect();
    assert_eq!(ids.len(), leased.len(), "a job twice");
    assert_eq!(ids, all, "a job never");
    for tenant in &tenants {
        let active = handle.store.active_jobs(tenant).await.unwrap();
        assert_eq!((active.pending, active.running), (0, jobs as u64 / 3));
    }
}

pub async fn parallel_nodes_keep_the_share_of_a_tenant(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    for _ in 0..30 {
        handle.pending(&TenantId::default()).await;
        handle.pending(&acme).await;
    }
    for _ in 0..rounds(&handle, 8, 4) {
        let batches = at_once(8, |_| {
            let handle = handle.clone();
            async move { handle.try_lease(3, 3).await }
        })
        .await;
        let leased: Vec<LeasedJob> = batches.into_iter().flatten().collect();
        for tenant in [&TenantId::default(), &acme] {
            let own = leased.iter().filter(|it| it.job.tenant == *tenant).count();
            assert!(own <= 3, "{own} of {tenant}");
        }
        // A node may lease too few because of a concurrent one; the next lease takes the rest.
        let rest = handle.try_lease(100, 3).await;
        assert_eq!(leased.len() + rest.len(), 6);
        for it in leased.into_iter().chain(rest) {
            handle.finished(&it.lease, &completed(0)).await;
        }
    }
}

pub async fn a_job_ends_once_whoever_ends_it(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    let all = QuotaOwner::Tenant(TenantId::default());
    let count = rounds(&handle, 1_000, 40);
    let (mut ended, mut kept) = (Vec::new(), 0);
    for round in 0..count {
        let job = handle.spoken(None, 1.0);
        assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
        let held = handle.lease().await;
        // In every second round the lease has already expired when the calls race.
        if round % 2 == 0 {
            handle.clock.advance(MINUTE);
        }
        let answers = at_once(6, |number| {
            let (handle, held) = (handle.clone(), held.clone());
            async move {
                let outcome = match number {
                    0 | 1 => completed(1_234),
                    2 => failed(),
                    3 => {
                        assert_ne!(handle.cancel(&held.job).await, CancelJobOutcome::Unknown);
                        return 0;
                    }
                    4 => {
                        let moved = handle.reclaim(if round % 4 == 0 { 1 } else { 9 }).await;
                        return moved.iter().filter(|job| job.status.is_ended()).count();
                    }
                    _ => {
                        handle.beat(&held.lease, Some(1)).await;
                        return 0;
                    }
                };
                match handle.finish(&held.lease, &outcome).await {
                    FinishJobOutcome::Finished(job) => usize::from(job.status.is_ended()),
                    FinishJobOutcome::Lost => 0,
                }
            }
        })
        .await;
        let ends = answers.iter().sum::<usize>();
        let mut now = handle.look_job(&job).await;
        if now.status.is_ended() {
            // Exception: the job was reclaimed, and cancelled while it was pending. Then the cancel call ended it.
            assert!(ends == 1 || (ends == 0 && now.status.as_str() == "cancelled"), "{ends} ends of {now:?}");
        } else {
            assert_eq!(ends, 0);
            let again = handle.lease().await;
            assert_eq!(again.lease.fence, 2);
            now = handle.finished(&again.lease, &completed(1_234)).await;
        }
        kept += if now.status.as_str() == "completed" { 1_234 } else { 0 };
        ended.push(now);
    }
    assert_eq!(handle.metered(&all).await, (kept, 0), "settled once");
    let mut records = HashMap::<String, usize>::new();
    for record in handle.audit().await {
        let end = record.action == "job.completed" || record.action == "job.failed" || record.action == "job.cancelled";
        // A stop request is recorded too, with the operator as actor; the end is recorded with the gateway as actor.
        if end && record.actor_kind == "gateway" {
            *records.entry(record.target_id).or_default() += 1;
        }
    }
    let mut by_caller = 0;
    for job in &ended {
        match records.get(&job.id.to_string()) {
            Some(1) => {}
            None if job.status.as_str() == "cancelled" => by_caller += 1,
            other => panic!("{other:?} records of {job:?}"),
        }
    }
    assert_eq!(records.len() + by_caller, count);
    let mut told = 0;
    loop {
        let due = handle.take().await;
        if due.is_empty() {
            break;
        }
        told += due.len();
    }
    assert_eq!(told, count, "told of once");
    assert!(handle.deliveries(&hook).await.len() <= count);
}

pub async fn a_job_survives_nodes_that_die(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let count = rounds(&handle, 200, 30);
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(handle.pending(&TenantId::default()).await);
    }
    // The nodes finish some jobs, retry some, and abandon the rest.
    let mut ends = 0;
    for _ in 0..1_000 {
        ends += at_once(4, |node| {
            let handle = handle.clone();
            async move {
                handle.reclaim(1_000).await;
                let mut ends = 0;
                for (number, it) in handle.try_lease(9, 1_000).await.into_iter().enumerate() {
                    let outcome = match (number + node) % 3 {
                        0 => completed(0),
                        1 => retry(Duration::ZERO),
                        // A second death would fail the job.
                        _ if it.deaths == 0 => continue,
                        _ => completed(0),
                    };
                    if let FinishJobOutcome::Finished(job) = handle.finish(&it.lease, &outcome).await {
                        ends += usize::from(job.status.is_ended());
                    }
                }
                ends
            }
        })
        .await
        .into_iter()
        .sum::<usize>();
        if ends >= count {
            break;
        }
        handle.clock.advance(MINUTE);
    }
    assert_eq!(ends, count);
    for job in &jobs {
        assert_eq!(handle.look_job(job).await.status.as_str(), "completed");
    }
    let records = handle.audit().await;
    assert_eq!(records.iter().filter(|record| record.action == "job.completed").count(), count);
}

pub async fn parallel_reservations_never_exceed_a_quota(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let keys = [handle.key().await.key.id, handle.key().await.key.id];
    let seconds = |most| Quota::default().with(QuotaKind::Seconds, Some(most));
    handle.limit(&QuotaOwner::Key(TenantId::default(), keys[0]), seconds(3)).await;
    handle.limit(&QuotaOwner::Tenant(TenantId::default()), seconds(7)).await;
    let each = rounds(&handle, 50, 20);
    let granted = at_once(16, |number| {
        let handle = handle.clone();
        async move {
            let of = if number % 4 < 2 { UsageSource::Jobs } else { UsageSource::Streams };
            let account = handle.account(Some(keys[number % 2]), of);
            let amount = if number % 3 == 0 { AudioAmount::Whole(73) } else { AudioAmount::UpTo(73) };
            let mut sum = 0;
            for _ in 0..each {
                match handle.store.reserve_audio(&account, amount).await.unwrap() {
                    ReserveOutcome::Granted(ms) => sum += ms,
                    ReserveOutcome::Exhausted(_) => {}
                }
            }
            (number % 2, sum)
        }
    })
    .await;
    let sum = |key| granted.iter().filter(|(own, _)| *own == key).map(|(_, ms)| ms).sum::<u64>();
    assert!(sum(0) <= 3_000 && sum(0) + sum(1) == 7_000, "{granted:?}");
    let (jobs, streams) = handle.metered(&QuotaOwner::Tenant(TenantId::default())).await;
    assert_eq!(jobs + streams, 7_000);
}

pub async fn parallel_inserts_never_exceed_a_quota(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let keys = [handle.key().await.key.id, handle.key().await.key.id];
    let quota = |jobs| Quota::default().with(QuotaKind::Jobs, Some(jobs));
    handle.limit(&QuotaOwner::Key(TenantId::default(), keys[0]), quota(4)).await;
    handle.limit(&QuotaOwner::Tenant(TenantId::default()), quota(7).with(QuotaKind::Seconds, Some(9))).await;
    let answers = at_once(32, |number| {
        let handle = handle.clone();
        let job = handle.spoken(Some(keys[number % 2]), 0.5);
        async move { (number % 2, handle.try_insert_job(&job, None).await) }
    })
    .await;
    let count = |key| answers.iter().filter(|(own, it)| *own == key && *it == InsertJobOutcome::Inserted).count();
    assert!(count(0) <= 4, "{} of the key", count(0));
    assert_eq!(count(0) + count(1), 7);
    assert_eq!(handle.store.active_jobs(&TenantId::default()).await.unwrap().pending, 7);
    assert_eq!(handle.metered(&QuotaOwner::Tenant(TenantId::default())).await, (3_500, 0));
}

pub async fn parallel_sessions_never_exceed_capacity_or_limit(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let streams = |most| Quota::default().with(QuotaKind::Streams, Some(most));
    handle.limit(&QuotaOwner::Key(TenantId::default(), key), streams(3)).await;
    let capacities = [("a", 4), ("b", 3), ("c", 2)];
    for (id, capacity) in capacities {
        assert!(handle.put(&worker(id, capacity)).await);
    }
    for _ in 0..rounds(&handle, 100, 8) {
        let answers = at_once(24, |number| {
            let handle = handle.clone();
            async move {
                let session = handle.new_session((number % 2 == 0).then_some(key));
                (session.key.is_some(), session.id, handle.open(&session).await)
            }
        })
        .await;
        let mut loads = HashMap::<WorkerId, u32>::new();
        let (mut open, mut of_key): (Vec<SessionId>, u32) = (Vec::new(), 0);
        for (keyed, id, answer) in answers {
            if let OpenSessionOutcome::Worker(worker) = answer {
                *loads.entry(worker.id).or_default() += 1;
                of_key += u32::from(keyed);
                open.push(id);
            }
        }
        assert!(of_key <= 3, "{of_key} of the key");
        assert_eq!(open.len(), 9, "no slot is left empty");
        for (id, capacity) in capacities {
            assert_eq!(loads.get(&id.parse::<WorkerId>().unwrap()), Some(&capacity), "{id}");
        }
        // Each session is closed twice at once; exactly one of the calls frees the slot.
        let closed = at_once(18, |number| {
            let (handle, id) = (handle.clone(), open[number / 2]);
            async move { handle.close(id).await }
        })
        .await;
        assert_eq!(closed.into_iter().filter(|closed| *closed).count(), 9);
        assert_eq!(handle.sessions().await, 0);
    }
}

pub async fn parallel_takes_give_each_delivery_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    for _ in 0..3 {
        handle.webhook(&[]).await;
    }
    let jobs = rounds(&handle, 100, 20);
    for _ in 0..jobs {
        handle.happen().await;
    }
    for attempt in 1..=3 {
        let taken = at_once(8, |_| {
            let handle = handle.clone();
            async move {
                let mut own = Vec::new();
                loop {
                    let due = handle.store.take_deliveries(4, MINUTE, &[]).await.unwrap();
                    if due.is_empty() {
                        return own;
                    }
                    own.extend(due);
                }
            }
        })
        .await;
        let taken: Vec<_> = taken.into_iter().flatten().collect();
        assert!(taken.iter().all(|due| due.delivery.attempts == attempt));
        let ids: HashSet<_> = taken.iter().map(|due| due.delivery.id).collect();
        assert_eq!((ids.len(), taken.len()), (jobs * 3, jobs * 3));
        handle.clock.advance(MINUTE);
    }
}

pub async fn parallel_notes_of_an_attempt_count_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    let count = rounds(&handle, 100, 12);
    for round in 1..=count {
        handle.happen().await;
        let due = handle.take_one().await;
        at_once(6, |_| {
            let (handle, missed, webhook) = (handle.clone(), handle.missed(&due, None), webhook.clone());
            async move { handle.note(&missed, &webhook).await }
        })
        .await;
        assert_eq!(handle.look_webhook(&webhook).await.exhausted as usize, round);
    }
}

pub async fn parallel_sweeps_of_orphans_cancel_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let hook = handle.webhook(&[]).await;
    let key = handle.key().await.key;
    for _ in 0..20 {
        assert_eq!(handle.try_insert_job(&handle.spoken(Some(key.id), 1.0), None).await, InsertJobOutcome::Inserted);
    }
    handle.revoke(&key).await;
    let answers = at_once(6, |number| {
        let handle = handle.clone();
        async move {
            if number == 5 {
                // A job that is leased at this moment continues to run.
                return (0, handle.try_lease(3, 100).await);
            }
            (handle.store.cancel_orphans(handle.now(), 100).await.unwrap().len(), Vec::new())
        }
    })
    .await;
    let mut cancelled: usize = answers.iter().map(|(cancelled, _)| cancelled).sum();
    let leased: Vec<_> = answers.into_iter().flat_map(|(_, leased)| leased).collect();
    for it in &leased {
        handle.finished(&it.lease, &JobOutcome::Cancelled).await;
    }
    cancelled += handle.store.cancel_orphans(handle.now(), 100).await.unwrap().len();
    assert_eq!(cancelled + leased.len(), 20);
    assert_eq!(handle.metered(&QuotaOwner::Tenant(key.tenant)).await, (0, 0));
    let told: HashSet<_> = handle.deliveries(&hook).await.into_iter().map(|it| it.body).collect();
    assert_eq!(told.len(), 20);
    let records = handle.audit().await;
    assert_eq!(records.iter().filter(|record| record.action == "job.cancelled").count(), 20);
}
