//! Quotas and metered audio: reserved first, settled afterwards.

use super::{WorkFixture, handle::WorkHandle};
use crate::{
    AudioAmount, InsertJobOutcome, Job, JobStatus, MeteredDay, Quota, QuotaExceeded, QuotaKind, QuotaOwner,
    ReserveOutcome, UsageAccount, UsageSource, WorkAction, WorkTarget,
};
use dalston_model::{Actor, Day, KeyId, TenantId};
use dalston_store::IdempotencyKey;
use std::time::Duration;

fn seconds(most: u32) -> Quota {
    Quota::default().with(QuotaKind::Seconds, Some(most))
}

fn jobs(most: u32) -> Quota {
    Quota::default().with(QuotaKind::Jobs, Some(most))
}

fn no_seconds(of_key: bool, most: u32) -> ReserveOutcome {
    ReserveOutcome::Exhausted(QuotaExceeded { limit: QuotaKind::Seconds, of_key, most })
}

fn tenant() -> QuotaOwner {
    QuotaOwner::Tenant(TenantId::default())
}

fn of(key: KeyId) -> QuotaOwner {
    QuotaOwner::Key(TenantId::default(), key)
}

async fn reserve(handle: &WorkHandle, account: &UsageAccount, ms: u64, whole: bool) -> ReserveOutcome {
    let amount = if whole { AudioAmount::Whole(ms) } else { AudioAmount::UpTo(ms) };
    handle.store.reserve_audio(account, amount).await.unwrap()
}

pub async fn a_quota_is_set_and_read(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let records = handle.audit().await.len();
    let quota =
        [(QuotaKind::Seconds, u32::MAX), (QuotaKind::Jobs, 0), (QuotaKind::Streams, 7)].into_iter().collect::<Quota>();
    for subject in [tenant(), of(key)] {
        assert_eq!(handle.store.quota(&subject).await, Ok(Quota::default()));
        assert!(handle.try_quota(&subject, &quota).await);
        assert_eq!(handle.store.quota(&subject).await, Ok(quota));
        assert!(handle.try_quota(&subject, &seconds(1)).await);
        assert_eq!(handle.store.quota(&subject).await, Ok(seconds(1)));
        assert!(handle.try_quota(&subject, &Quota::default()).await);
        assert_eq!(handle.store.quota(&subject).await, Ok(Quota::default()));
    }
    let audit = handle.audit().await;
    assert_eq!(audit.len(), records + 6);
    assert!(audit[records..].iter().all(|record| record.action == "quota.changed"));
}

pub async fn there_is_no_quota_of_nobody(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (acme, key) = (handle.tenant("acme").await, handle.key().await.key.id);
    let seq = handle.seq().await;
    let nobody: TenantId = "nobody".parse().unwrap();
    for subject in [
        QuotaOwner::Tenant(nobody.clone()),
        of(handle.key_id()),
        QuotaOwner::Key(acme, key),
        QuotaOwner::Key(nobody, key),
    ] {
        assert!(!handle.try_quota(&subject, &seconds(1)).await);
        assert_eq!(handle.store.quota(&subject).await, Ok(Quota::default()));
    }
    assert_eq!(handle.store.quota(&of(key)).await, Ok(Quota::default()));
    assert_eq!(handle.seq().await, seq);
}

pub async fn audio_without_a_limit_is_metered(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (key, other) = (handle.key().await.key.id, handle.key().await.key.id);
    let seq = handle.seq().await;
    for whole in [true, false] {
        let account = handle.account(Some(key), UsageSource::Jobs);
        assert_eq!(
            reserve(&handle, &account, 1_000_000_000_000, whole).await,
            ReserveOutcome::Granted(1_000_000_000_000)
        );
    }
    assert_eq!(
        reserve(&handle, &handle.account(Some(other), UsageSource::Streams), 7, true).await,
        ReserveOutcome::Granted(7)
    );
    assert_eq!(
        reserve(&handle, &handle.account(None, UsageSource::Streams), 30, true).await,
        ReserveOutcome::Granted(30)
    );
    assert_eq!(handle.metered(&of(key)).await, (2_000_000_000_000, 0));
    assert_eq!(handle.metered(&of(other)).await, (0, 7));
    assert_eq!(handle.metered(&tenant()).await, (2_000_000_000_000, 37), "all of its keys, and who has none");
    assert_eq!(handle.seq().await, seq, "no change to record");
}

pub async fn a_reservation_is_what_both_have_left(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (key, other) = (handle.key().await.key.id, handle.key().await.key.id);
    handle.limit(&of(key), seconds(3)).await;
    handle.limit(&tenant(), seconds(5)).await;
    let (mine, theirs) =
        (handle.account(Some(key), UsageSource::Streams), handle.account(Some(other), UsageSource::Jobs));
    assert_eq!(reserve(&handle, &mine, 1_000, false).await, ReserveOutcome::Granted(1_000));
    assert_eq!(reserve(&handle, &mine, 9_000, false).await, ReserveOutcome::Granted(2_000), "what the key has left");
    assert_eq!(reserve(&handle, &mine, 1, false).await, no_seconds(true, 3));
    assert_eq!(
        reserve(&handle, &theirs, 9_000, false).await,
        ReserveOutcome::Granted(2_000),
        "what the tenant has left"
    );
    assert_eq!(reserve(&handle, &theirs, 1, false).await, no_seconds(false, 5));
    assert_eq!(reserve(&handle, &mine, 1, false).await, no_seconds(true, 3), "the key's is asked first");
    assert_eq!(handle.metered(&of(key)).await, (0, 3_000));
    assert_eq!(handle.metered(&of(other)).await, (2_000, 0));
    assert_eq!(handle.metered(&tenant()).await, (2_000, 3_000));
    assert_eq!(reserve(&handle, &handle.account(None, UsageSource::Jobs), 1, false).await, no_seconds(false, 5));
}

pub async fn a_whole_reservation_is_all_or_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    handle.limit(&of(key), seconds(3)).await;
    handle.limit(&tenant(), seconds(2)).await;
    let account = handle.account(Some(key), UsageSource::Jobs);
    assert_eq!(reserve(&handle, &account, 3_001, true).await, no_seconds(true, 3));
    assert_eq!(reserve(&handle, &account, 2_001, true).await, no_seconds(false, 2));
    assert_eq!(handle.metered(&of(key)).await, (0, 0), "nothing on the key either");
    assert_eq!(reserve(&handle, &account, 1_500, true).await, ReserveOutcome::Granted(1_500));
    assert_eq!(reserve(&handle, &account, 501, true).await, no_seconds(false, 2));
    assert_eq!(reserve(&handle, &account, 500, true).await, ReserveOutcome::Granted(500));
    assert_eq!(handle.metered(&of(key)).await, (2_000, 0));
    assert_eq!(handle.metered(&tenant()).await, (2_000, 0));
}

pub async fn nothing_is_granted_unless_nothing_is_left(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let account = handle.account(Some(key), UsageSource::Jobs);
    for whole in [true, false] {
        assert_eq!(reserve(&handle, &account, 0, whole).await, ReserveOutcome::Granted(0));
    }
    handle.limit(&of(key), seconds(1)).await;
    assert_eq!(reserve(&handle, &account, 999, true).await, ReserveOutcome::Granted(999));
    assert_eq!(reserve(&handle, &account, 0, true).await, ReserveOutcome::Granted(0));
    assert_eq!(reserve(&handle, &account, 1, true).await, ReserveOutcome::Granted(1));
    for whole in [true, false] {
        assert_eq!(reserve(&handle, &account, 0, whole).await, no_seconds(true, 1));
    }
    handle.limit(&of(key), seconds(0)).await;
    assert_eq!(reserve(&handle, &account, 0, true).await, no_seconds(true, 0));
}

pub async fn the_rest_of_a_day_is_what_both_have_left(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let account = handle.account(Some(key), UsageSource::Jobs);
    let rest = async || handle.store.reserve_audio(&account, AudioAmount::Rest).await.unwrap();
    assert_eq!(rest().await, ReserveOutcome::Granted(0), "there is no limit");
    handle.limit(&tenant(), seconds(5)).await;
    assert_eq!(reserve(&handle, &account, 1_500, true).await, ReserveOutcome::Granted(1_500));
    handle.limit(&of(key), seconds(3)).await;
    assert_eq!(rest().await, ReserveOutcome::Granted(1_500), "what the key has left");
    assert_eq!(rest().await, no_seconds(true, 3));
    handle.limit(&of(key), Quota::default()).await;
    assert_eq!(rest().await, ReserveOutcome::Granted(2_000), "what the tenant has left");
    assert_eq!(rest().await, no_seconds(false, 5));
    assert_eq!(handle.metered(&tenant()).await, (5_000, 0));
}

pub async fn a_job_of_unknown_length_takes_the_rest_of_the_day(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    let unknown = || Job { created_by: Some(Actor::Key(key)), ..handle.new_job() };
    let free = unknown();
    assert_eq!(handle.try_insert_job(&free, None).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.lease().await.reserved_ms, 0, "without a limit");
    handle.limit(&of(key), seconds(3)).await;
    let spoken = handle.spoken(Some(key), 1.0);
    assert_eq!(handle.try_insert_job(&spoken, None).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.lease().await.reserved_ms, 1_000);
    let long = unknown();
    assert_eq!(handle.try_insert_job(&long, None).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.metered(&of(key)).await, (3_000, 0));
    let excess = QuotaExceeded { limit: QuotaKind::Seconds, of_key: true, most: 3 };
    assert_eq!(handle.try_insert_job(&unknown(), None).await, InsertJobOutcome::Excess(excess));
    // A retried job keeps its reservation; an ended one is settled to its actual audio.
    let held = handle.lease().await;
    assert_eq!(held.reserved_ms, 2_000);
    let again = crate::JobOutcome::Retry { error: "away".to_owned(), after: Duration::ZERO };
    handle.finished(&held.lease, &again).await;
    let held = handle.lease().await;
    assert_eq!(held.reserved_ms, 2_000);
    handle.finished(&held.lease, &super::handle::work::completed(700)).await;
    assert_eq!(handle.metered(&of(key)).await, (1_700, 0));
    assert_eq!(handle.try_insert_job(&unknown(), None).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.lease().await.reserved_ms, 1_300);
}

pub async fn jobs_and_streams_share_a_day(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    handle.limit(&tenant(), seconds(10)).await;
    assert_eq!(
        reserve(&handle, &handle.account(None, UsageSource::Jobs), 6_000, true).await,
        ReserveOutcome::Granted(6_000)
    );
    assert_eq!(
        reserve(&handle, &handle.account(None, UsageSource::Streams), 9_000, false).await,
        ReserveOutcome::Granted(4_000)
    );
    assert_eq!(reserve(&handle, &handle.account(None, UsageSource::Jobs), 1, false).await, no_seconds(false, 10));
    let days = handle.store.metered(&tenant(), Day::from_number(0)).await.unwrap();
    assert_eq!(days, [MeteredDay { day: Day::of(handle.now()), jobs_ms: 6_000, streams_ms: 4_000 }]);
}

pub async fn every_day_begins_anew(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    handle.limit(&tenant(), seconds(1)).await;
    let mut days = Vec::new();
    for _ in 0..3 {
        let account = handle.account(None, UsageSource::Jobs);
        assert_eq!(reserve(&handle, &account, 5_000, false).await, ReserveOutcome::Granted(1_000));
        assert_eq!(reserve(&handle, &account, 1, false).await, no_seconds(false, 1));
        days.push(MeteredDay { day: account.day, jobs_ms: 1_000, streams_ms: 0 });
        handle.clock.advance(Duration::from_hours(24));
    }
    // The account's day applies, not the store's current day.
    let past = UsageAccount { day: days[0].day, ..handle.account(None, UsageSource::Jobs) };
    assert_eq!(reserve(&handle, &past, 1, false).await, no_seconds(false, 1));
    days.reverse();
    assert_eq!(handle.store.metered(&tenant(), Day::from_number(0)).await.as_ref(), Ok(&days), "newest first");
    assert_eq!(handle.store.metered(&tenant(), days[1].day).await.unwrap(), days[..2]);
    assert_eq!(handle.store.metered(&tenant(), Day::of(handle.now())).await, Ok(Vec::new()));
    let today = handle.account(None, UsageSource::Streams);
    reserve(&handle, &today, 10, false).await;
    handle.store.settle_audio(&today, -10).await.unwrap();
    assert_eq!(handle.store.metered(&tenant(), Day::from_number(0)).await, Ok(days), "a day without any is left out");
}

pub async fn a_settlement_is_never_refused_and_never_below_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (key, other) = (handle.key().await.key.id, handle.key().await.key.id);
    handle.limit(&of(key), seconds(1)).await;
    let (streams, jobs) =
        (handle.account(Some(key), UsageSource::Streams), handle.account(Some(key), UsageSource::Jobs));
    assert_eq!(reserve(&handle, &streams, 800, true).await, ReserveOutcome::Granted(800));
    handle.store.settle_audio(&streams, -300).await.unwrap();
    assert_eq!(handle.metered(&of(key)).await, (0, 500));
    assert_eq!(reserve(&handle, &jobs, 9_999, false).await, ReserveOutcome::Granted(500), "what was given back");
    handle.store.settle_audio(&streams, 2_000).await.unwrap();
    assert_eq!(handle.metered(&of(key)).await, (500, 2_500), "beyond the limit");
    assert_eq!(reserve(&handle, &jobs, 1, false).await, no_seconds(true, 1));
    handle.store.settle_audio(&streams, -1_000_000).await.unwrap();
    assert_eq!(handle.metered(&of(key)).await, (500, 0), "jobs and streams apart");
    assert_eq!(handle.metered(&tenant()).await, (500, 0));
    handle.store.settle_audio(&handle.account(Some(other), UsageSource::Jobs), -100).await.unwrap();
    assert_eq!(handle.metered(&of(other)).await, (0, 0));
    handle.store.settle_audio(&jobs, 0).await.unwrap();
    assert_eq!(handle.metered(&of(key)).await, (500, 0));
}

pub async fn a_changed_quota_holds_at_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let account = handle.account(None, UsageSource::Jobs);
    assert_eq!(reserve(&handle, &account, 5_000, true).await, ReserveOutcome::Granted(5_000));
    handle.limit(&tenant(), seconds(4)).await;
    assert_eq!(reserve(&handle, &account, 1, false).await, no_seconds(false, 4), "what was used before counts");
    handle.limit(&tenant(), seconds(6)).await;
    assert_eq!(reserve(&handle, &account, 5_000, false).await, ReserveOutcome::Granted(1_000));
    handle.limit(&tenant(), Quota::default()).await;
    assert_eq!(reserve(&handle, &account, 5_000, true).await, ReserveOutcome::Granted(5_000));
}

pub async fn tenants_are_metered_apart(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (acme, longer) = (handle.tenant("acme").await, handle.tenant("acme-2").await);
    handle.limit(&QuotaOwner::Tenant(acme.clone()), seconds(1)).await;
    for (tenant, ms) in [(&acme, 1_000), (&longer, 50_000)] {
        let account = UsageAccount { tenant: tenant.clone(), ..handle.account(None, UsageSource::Jobs) };
        assert_eq!(reserve(&handle, &account, 50_000, false).await, ReserveOutcome::Granted(ms));
        assert_eq!(handle.metered(&QuotaOwner::Tenant(tenant.clone())).await, (ms, 0));
    }
    assert_eq!(handle.metered(&tenant()).await, (0, 0));
}

pub async fn no_more_jobs_are_there_at_once_than_allowed(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (key, other) = (handle.key().await.key.id, handle.key().await.key.id);
    handle.limit(&of(key), jobs(2)).await;
    handle.limit(&tenant(), jobs(3)).await;
    let full = |of_key, most| InsertJobOutcome::Excess(QuotaExceeded { limit: QuotaKind::Jobs, of_key, most });
    let insert = async |key| handle.try_insert_job(&handle.spoken(key, 1.0), None).await;
    handle.job(JobStatus::Completed).await;
    for _ in 0..2 {
        assert_eq!(insert(Some(key)).await, InsertJobOutcome::Inserted, "one that has ended does not count");
    }
    let seq = handle.seq().await;
    let refused = handle.spoken(Some(key), 1.0);
    assert_eq!(handle.try_insert_job(&refused, None).await, full(true, 2));
    assert_eq!(handle.store.job_exists(refused.id).await, Ok(false));
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.metered(&of(key)).await, (2_000, 0), "nothing was reserved");
    assert_eq!(insert(Some(other)).await, InsertJobOutcome::Inserted);
    assert_eq!(insert(Some(other)).await, full(false, 3));
    assert_eq!(insert(None).await, full(false, 3));
    assert_eq!(insert(Some(key)).await, full(true, 2), "the key's is asked first");
    // Running and cancelling jobs count; an ended one does not.
    let held = handle.try_lease(1, 10).await.remove(0);
    assert_eq!(insert(None).await, full(false, 3));
    handle.cancel(&held.job).await;
    assert_eq!(insert(Some(key)).await, full(true, 2));
    handle.finished(&held.lease, &crate::JobOutcome::Cancelled).await;
    assert_eq!(insert(Some(key)).await, InsertJobOutcome::Inserted);
    assert_eq!(insert(Some(key)).await, full(true, 2));
}

pub async fn a_job_without_audio_left_is_not_inserted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let key = handle.key().await.key.id;
    handle.limit(&of(key), seconds(3)).await;
    handle.limit(&tenant(), seconds(2)).await;
    let empty = |of_key, most| InsertJobOutcome::Excess(QuotaExceeded { limit: QuotaKind::Seconds, of_key, most });
    let insert = async |seconds| handle.try_insert_job(&handle.spoken(Some(key), seconds), None).await;
    let seq = handle.seq().await;
    assert_eq!(insert(3.5).await, empty(true, 3));
    assert_eq!(insert(2.5).await, empty(false, 2));
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.store.active_jobs(&TenantId::default()).await.unwrap().pending, 0);
    assert_eq!(handle.metered(&of(key)).await, (0, 0));
    assert_eq!(insert(1.5).await, InsertJobOutcome::Inserted);
    assert_eq!(insert(0.6).await, empty(false, 2));
    assert_eq!(insert(0.5).await, InsertJobOutcome::Inserted);
    assert_eq!(handle.metered(&tenant()).await, (2_000, 0));
    assert_eq!(handle.try_insert_job(&handle.new_job(), None).await, empty(false, 2), "nothing is left");
    handle.clock.advance(Duration::from_hours(24));
    assert_eq!(insert(2.0).await, InsertJobOutcome::Inserted, "of the day on which it is made");
}

pub async fn a_refused_job_claims_nothing(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    handle.limit(&tenant(), jobs(1)).await;
    let (first, second): (IdempotencyKey, IdempotencyKey) = (handle.claim("first"), handle.claim("second"));
    let (one, two) = (handle.new_job(), handle.new_job());
    assert_eq!(handle.try_insert_job(&one, Some(&first)).await, InsertJobOutcome::Inserted);
    assert!(matches!(handle.try_insert_job(&two, Some(&second)).await, InsertJobOutcome::Excess(_)));
    // A repeated idempotency key returns the earlier job, whatever the limit.
    assert!(
        matches!(handle.try_insert_job(&two, Some(&first)).await, InsertJobOutcome::Repeated(it) if it.target == one.id.to_string())
    );
    handle.cancel(&one).await;
    assert_eq!(handle.try_insert_job(&two, Some(&second)).await, InsertJobOutcome::Inserted);
}

pub async fn a_deleted_job_stays_on_the_meter(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let job = handle.spoken(None, 1.0);
    assert_eq!(handle.try_insert_job(&job, None).await, InsertJobOutcome::Inserted);
    let held = handle.lease().await;
    handle.finished(&held.lease, &super::handle::work::completed(1_100)).await;
    let entry = handle.entry(WorkAction::JOB_DELETED, &job.tenant, WorkTarget::Job(job.id).into());
    handle.store.delete_job(&job.tenant, job.id, &entry).await.unwrap();
    assert_eq!(handle.metered(&tenant()).await, (1_100, 0));
}
