//! Usage counters: added up beside the key's record.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::Checkpoint;
use dalston_model::{Day, Key, PageRequest, RefusedRequests, TenantId, Timestamp, Usage, UsageDelta, UsageStep};
use std::{net::IpAddr, time::Duration};

const EPOCH: Day = Day::from_number(0);

async fn usage(handle: &StoreHandle, key: &Key, since: Day) -> Usage {
    handle.store.usage(&key.tenant, key.id, since).await.unwrap().unwrap()
}

/// One admitted request, `seconds` from now.
fn used(handle: &StoreHandle, key: &Key, seconds: u64, from: Option<&str>) -> UsageDelta {
    let at = handle.now().plus(Duration::from_secs(seconds));
    let from = from.map(|address| address.parse::<IpAddr>().unwrap());
    UsageDelta { last_used: Some((at, from)), day: Day::of(at), ..handle.delta(key.id) }
}

pub async fn usage_adds_up(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    assert_eq!(usage(&handle, &key, EPOCH).await, Usage::default());
    let refused = RefusedRequests { rate_limited: 3, insufficient_scope: 2 };
    let delta = UsageDelta { refused, admitted: 5_000_000_000, ..handle.delta(key.id) };
    handle.count(&[]).await;
    // The same key and day twice in one batch.
    handle.count(&[delta.clone(), delta.clone()]).await;
    handle.count(std::slice::from_ref(&delta)).await;
    let only_refused = UsageDelta { admitted: 0, last_used: None, day: delta.day.back(1), ..delta.clone() };
    handle.count(&[only_refused]).await;
    let expected = Usage {
        usage_count: 15_000_000_000,
        last_used_at: Some(handle.now()),
        last_used_from: None,
        refused: RefusedRequests { rate_limited: 12, insufficient_scope: 8 },
        days: vec![(delta.day, 15_000_000_000)],
    };
    assert_eq!(usage(&handle, &key, EPOCH).await, expected, "and a day of refusals only is none");
}

pub async fn the_latest_use_wins_in_any_order(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let batches = [
        vec![used(&handle, &key, 2, Some("192.0.2.1")), used(&handle, &key, 5, Some("2001:db8::5"))],
        vec![used(&handle, &key, 4, Some("192.0.2.2")), used(&handle, &key, 1, None)],
        vec![UsageDelta { admitted: 0, last_used: None, ..handle.delta(key.id) }],
    ];
    for batch in &batches {
        handle.count(batch).await;
    }
    let latest = usage(&handle, &key, EPOCH).await;
    assert_eq!(latest.last_used_at, Some(handle.now().plus(Duration::from_secs(5))));
    assert_eq!(latest.last_used_from, Some("2001:db8::5".parse().unwrap()));
    handle.count(&[used(&handle, &key, 6, None), used(&handle, &key, 3, Some("192.0.2.3"))]).await;
    let latest = usage(&handle, &key, EPOCH).await;
    assert_eq!(latest.last_used_at, Some(handle.now().plus(Duration::from_secs(6))));
    assert_eq!(latest.last_used_from, None, "the address of the latest, even when it has none");
    assert_eq!(latest.usage_count, 6);
}

pub async fn the_last_use_is_shown_with_the_key(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let at = Timestamp::from_micros(handle.now().as_micros() + 123_457);
    let delta = UsageDelta { last_used: Some((at, None)), ..handle.delta(new.key.id) };
    handle.count(&[delta]).await;
    assert_eq!(handle.look(&new.key).await.last_used_at, Some(at));
    let listed = handle.store.keys(&new.key.tenant, &PageRequest::default(), false).await.unwrap();
    assert_eq!(listed.items[0].last_used_at, Some(at));
    let changed = handle.rotate(&new.key, &StoreHandle::rotation(Duration::ZERO)).await;
    assert_eq!(changed.last_used_at, Some(at));
}

pub async fn days_are_newest_first_from_a_day_on(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let today = Day::of(handle.now());
    for back in [3, 0, 400, 1, 10] {
        let admitted = u64::try_from(back).unwrap() + 1;
        let delta = UsageDelta { day: today.back(back), admitted, ..handle.delta(key.id) };
        handle.count(&[delta]).await;
    }
    let days = [(today, 1), (today.back(1), 2), (today.back(3), 4), (today.back(10), 11), (today.back(400), 401)];
    assert_eq!(usage(&handle, &key, EPOCH).await.days, days);
    assert_eq!(usage(&handle, &key, today.back(3)).await.days, days[..3], "the first day is among them");
    assert_eq!(usage(&handle, &key, today.back(-1)).await.days, []);
    assert_eq!(usage(&handle, &key, today).await.usage_count, 419, "the sum is over all days");
}

pub async fn unknown_keys_are_passed_over(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let mut batch: Vec<_> = (0..2_000).map(|_| handle.delta(handle.key_id())).collect();
    let stranger = batch[0].key;
    batch.insert(1_000, handle.delta(key.id));
    handle.count(&batch).await;
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 1);
    assert_eq!(handle.store.usage(&TenantId::default(), stranger, EPOCH).await, Ok(None));
    assert_eq!(handle.store.key(&TenantId::default(), stranger).await, Ok(None));
}

pub async fn using_a_key_does_not_change_it(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let changes = handle.changes(&Checkpoint::START, 10).await.0;
    let records = handle.audit().await;
    handle.count(&[handle.delta(new.key.id)]).await;
    handle.find(&new.digest).await;
    assert_eq!(handle.look(&new.key).await.key, new.key);
    assert_eq!(handle.changes(&Checkpoint::START, 10).await.0, changes);
    assert_eq!(handle.audit().await, records);
    assert_eq!(handle.seq().await, changes[0].seq);
}

pub async fn a_revoked_key_keeps_its_usage(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    handle.count(&[handle.delta(new.key.id)]).await;
    handle.revoke(&new.key).await;
    // Usage that a node counted before the revocation arrives after it.
    handle.count(&[handle.delta(new.key.id)]).await;
    assert_eq!(usage(&handle, &new.key, EPOCH).await.usage_count, 2);
    assert_eq!(handle.find(&new.digest).await.key.revoked_at, Some(handle.now()));
}

/// The step with this number of the same node.
fn numbered(step: UsageStep, number: u64) -> UsageStep {
    UsageStep { number, ..step }
}

pub async fn a_repeated_step_counts_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (one, two) = (handle.key().await.key, handle.key().await.key);
    let (step, deltas) = (handle.step(), [handle.delta(one.id), handle.delta(two.id), handle.delta(one.id)]);
    let other_node = fixture.other_node().await;
    for store in [&handle.store, &handle.store, &other_node] {
        assert_eq!(store.add_usage(step, &deltas).await, Ok(3), "the answer is the same each time");
    }
    let next = numbered(step, 2);
    for _ in 0..2 {
        assert_eq!(handle.store.add_usage(next, &deltas[..2]).await, Ok(2));
    }
    let (one, two) = (usage(&handle, &one, EPOCH).await, usage(&handle, &two, EPOCH).await);
    assert_eq!((one.usage_count, two.usage_count), (3, 2));
    assert_eq!((one.days, two.days), (vec![(Day::of(handle.now()), 3)], vec![(Day::of(handle.now()), 2)]));
}

pub async fn a_step_whose_answer_was_lost_is_found_out(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let step = handle.step();
    assert_eq!(handle.store.add_usage(step, &[handle.delta(key.id), handle.delta(handle.key_id())]).await, Ok(2));
    for _ in 0..2 {
        assert_eq!(handle.store.add_usage(step, &[]).await, Ok(2), "it was taken, unknown keys and all");
    }
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 1);
}

pub async fn a_step_that_is_void_stays_void(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let step = handle.step();
    let deltas = [handle.delta(key.id)];
    assert_eq!(handle.store.add_usage(step, &[]).await, Ok(0), "it did not arrive");
    assert_eq!(handle.store.add_usage(step, &deltas).await, Ok(0), "it arrives after all");
    assert_eq!(handle.store.add_usage(step, &[]).await, Ok(0), "and is asked for again");
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 0);
    assert_eq!(handle.store.add_usage(numbered(step, 2), &deltas).await, Ok(1));
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 1);
}

pub async fn a_late_step_counts_nothing(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let (step, deltas) = (handle.step(), [handle.delta(key.id)]);
    for number in [3, 9] {
        assert_eq!(handle.store.add_usage(numbered(step, number), &deltas).await, Ok(1), "numbers may be left out");
    }
    for number in [1, 3, 8] {
        assert_eq!(handle.store.add_usage(numbered(step, number), &deltas).await, Ok(0));
    }
    assert_eq!(handle.store.add_usage(numbered(step, 9), &[]).await, Ok(1));
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 2);
}

pub async fn counters_number_their_steps_apart(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let there = fixture.other_node().await;
    let (ours, theirs) = (handle.step(), handle.step());
    for number in 1..=5 {
        for (store, step) in [(&handle.store, ours), (&there, theirs), (&handle.store, theirs)] {
            assert_eq!(store.add_usage(numbered(step, number), &[handle.delta(key.id)]).await, Ok(1));
        }
    }
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 10);
}

pub async fn parallel_repeats_of_a_step_count_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let steps: Vec<_> = (0..8).map(|_| handle.step()).collect();
    let answers = at_once(32, |number| {
        let (handle, step, id) = (handle.clone(), steps[number % 8], key.id);
        async move { handle.store.add_usage(step, &[handle.delta(id), handle.delta(id)]).await }
    });
    assert!(answers.await.iter().all(|answer| *answer == Ok(2)));
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 16);
}

pub async fn a_counter_is_remembered_for_a_month(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let (step, deltas) = (handle.step(), [handle.delta(key.id)]);
    assert_eq!(handle.store.add_usage(numbered(step, 2), &deltas).await, Ok(1));
    handle.clock.advance(UsageStep::KEPT.saturating_sub(Duration::from_mins(1)));
    handle.count(&deltas).await;
    assert_eq!(handle.store.add_usage(numbered(step, 2), &deltas).await, Ok(1));
    assert_eq!(handle.store.add_usage(numbered(step, 1), &deltas).await, Ok(0));
    assert_eq!(usage(&handle, &key, EPOCH).await.usage_count, 2);
}
