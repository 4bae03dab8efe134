//! Usage: added up beside the key's record.

use super::{Fixture, hand::Hand};
use crate::Mark;
use dalston_model::{Day, Key, PageRequest, Refused, TenantId, Timestamp, Usage, UsageDelta};
use std::{net::IpAddr, time::Duration};

const EPOCH: Day = Day::from_number(0);

async fn usage(hand: &Hand, key: &Key, since: Day) -> Usage {
    hand.store.usage(&key.tenant, key.id, since).await.unwrap().unwrap()
}

/// One admitted request so many seconds from now.
fn used(hand: &Hand, key: &Key, seconds: u64, from: Option<&str>) -> UsageDelta {
    let at = hand.now().plus(Duration::from_secs(seconds));
    let from = from.map(|address| address.parse::<IpAddr>().unwrap());
    UsageDelta { last_used: Some((at, from)), day: Day::of(at), ..hand.delta(key.id) }
}

pub async fn usage_adds_up(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let key = hand.key().await.key;
    assert_eq!(usage(&hand, &key, EPOCH).await, Usage::default());
    let refused = Refused { rate_limited: 3, insufficient_scope: 2 };
    let delta = UsageDelta { refused, admitted: 5_000_000_000, ..hand.delta(key.id) };
    hand.store.add_usage(&[]).await.unwrap();
    // The same key and day twice in one batch.
    hand.store.add_usage(&[delta.clone(), delta.clone()]).await.unwrap();
    hand.store.add_usage(std::slice::from_ref(&delta)).await.unwrap();
    let only_refused = UsageDelta { admitted: 0, last_used: None, day: delta.day.back(1), ..delta.clone() };
    hand.store.add_usage(&[only_refused]).await.unwrap();
    let expected = Usage {
        usage_count: 15_000_000_000,
        last_used_at: Some(hand.now()),
        last_used_from: None,
        refused: Refused { rate_limited: 12, insufficient_scope: 8 },
        days: vec![(delta.day, 15_000_000_000)],
    };
    assert_eq!(usage(&hand, &key, EPOCH).await, expected, "and a day of refusals only is none");
}

pub async fn the_latest_use_wins_in_any_order(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let key = hand.key().await.key;
    let batches = [
        vec![used(&hand, &key, 2, Some("192.0.2.1")), used(&hand, &key, 5, Some("2001:db8::5"))],
        vec![used(&hand, &key, 4, Some("192.0.2.2")), used(&hand, &key, 1, None)],
        vec![UsageDelta { admitted: 0, last_used: None, ..hand.delta(key.id) }],
    ];
    for batch in &batches {
        hand.store.add_usage(batch).await.unwrap();
    }
    let latest = usage(&hand, &key, EPOCH).await;
    assert_eq!(latest.last_used_at, Some(hand.now().plus(Duration::from_secs(5))));
    assert_eq!(latest.last_used_from, Some("2001:db8::5".parse().unwrap()));
    hand.store.add_usage(&[used(&hand, &key, 6, None), used(&hand, &key, 3, Some("192.0.2.3"))]).await.unwrap();
    let latest = usage(&hand, &key, EPOCH).await;
    assert_eq!(latest.last_used_at, Some(hand.now().plus(Duration::from_secs(6))));
    assert_eq!(latest.last_used_from, None, "the address of the latest, even when it has none");
    assert_eq!(latest.usage_count, 6);
}

pub async fn the_last_use_is_shown_with_the_key(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let new = hand.key().await;
    let at = Timestamp::from_micros(hand.now().as_micros() + 123_457);
    let delta = UsageDelta { last_used: Some((at, None)), ..hand.delta(new.key.id) };
    hand.store.add_usage(&[delta]).await.unwrap();
    assert_eq!(hand.look(&new.key).await.last_used_at, Some(at));
    let listed = hand.store.keys(&new.key.tenant, &PageRequest::default(), false).await.unwrap();
    assert_eq!(listed.items[0].last_used_at, Some(at));
    let changed = hand.rotate(&new.key, &Hand::rotation(Duration::ZERO)).await;
    assert_eq!(changed.last_used_at, Some(at));
}

pub async fn days_are_newest_first_from_a_day_on(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let key = hand.key().await.key;
    let today = Day::of(hand.now());
    for back in [3, 0, 400, 1, 10] {
        let admitted = u64::try_from(back).unwrap() + 1;
        let delta = UsageDelta { day: today.back(back), admitted, ..hand.delta(key.id) };
        hand.store.add_usage(&[delta]).await.unwrap();
    }
    let days = [(today, 1), (today.back(1), 2), (today.back(3), 4), (today.back(10), 11), (today.back(400), 401)];
    assert_eq!(usage(&hand, &key, EPOCH).await.days, days);
    assert_eq!(usage(&hand, &key, today.back(3)).await.days, days[..3], "the first day is among them");
    assert_eq!(usage(&hand, &key, today.back(-1)).await.days, []);
    assert_eq!(usage(&hand, &key, today).await.usage_count, 419, "the sum is over all days");
}

pub async fn unknown_keys_are_passed_over(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let key = hand.key().await.key;
    let mut batch: Vec<_> = (0..2_000).map(|_| hand.delta(hand.key_id())).collect();
    let stranger = batch[0].key;
    batch.insert(1_000, hand.delta(key.id));
    hand.store.add_usage(&batch).await.unwrap();
    assert_eq!(usage(&hand, &key, EPOCH).await.usage_count, 1);
    assert_eq!(hand.store.usage(&TenantId::default(), stranger, EPOCH).await, Ok(None));
    assert_eq!(hand.store.key(&TenantId::default(), stranger).await, Ok(None));
}

pub async fn using_a_key_does_not_change_it(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let new = hand.key().await;
    let changes = hand.changes(&Mark::START, 10).await.0;
    let records = hand.audit().await;
    hand.store.add_usage(&[hand.delta(new.key.id)]).await.unwrap();
    hand.find(&new.digest).await;
    assert_eq!(hand.look(&new.key).await.key, new.key);
    assert_eq!(hand.changes(&Mark::START, 10).await.0, changes);
    assert_eq!(hand.audit().await, records);
    assert_eq!(hand.seq().await, changes[0].seq);
}

pub async fn a_revoked_key_keeps_its_usage(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let new = hand.key().await;
    hand.store.add_usage(&[hand.delta(new.key.id)]).await.unwrap();
    hand.revoke(&new.key).await;
    // What a node counted before arrives after.
    hand.store.add_usage(&[hand.delta(new.key.id)]).await.unwrap();
    assert_eq!(usage(&hand, &new.key, EPOCH).await.usage_count, 2);
    assert_eq!(hand.find(&new.digest).await.key.revoked_at, Some(hand.now()));
}
