//! The key statistics of a tenant, tested against hand-made populations.

use super::{
    Fixture,
    handle::{StoreHandle, scopes},
};
use crate::{KeyStats, KeyToInsert};
use dalston_model::{KeyPatch, TenantId, Timestamp, UsageDelta};
use std::time::Duration;

const MICRO: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn figures(hand: &StoreHandle) -> KeyStats {
    hand.store.key_stats(&TenantId::default(), hand.now()).await.unwrap()
}

/// The time this long before now.
fn ago(hand: &StoreHandle, time: Duration) -> Timestamp {
    Timestamp::from_micros(hand.now().as_micros() - i64::try_from(time.as_micros()).unwrap())
}

/// Inserts a key that `shape` changes first.
async fn key(hand: &StoreHandle, shape: impl FnOnce(&mut KeyToInsert)) -> KeyToInsert {
    let mut new = hand.new_key();
    shape(&mut new);
    hand.insert(&new).await;
    new
}

/// Adds a use at that time.
async fn use_at(hand: &StoreHandle, new: &KeyToInsert, at: Timestamp) {
    let delta = UsageDelta { last_used: Some((at, None)), ..hand.delta(new.key.id) };
    hand.count(&[delta]).await;
}

pub async fn a_tenant_without_keys_has_no_figures(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    assert_eq!(figures(&hand).await, KeyStats::default());
    let nobody = "nobody".parse().unwrap();
    assert_eq!(hand.store.key_stats(&nobody, hand.now()).await, Ok(KeyStats::default()));
}

pub async fn keys_are_counted_by_what_they_are(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let now = hand.now();
    let acme = hand.tenant("acme").await;
    for _ in 0..3 {
        key(&hand, |_| ()).await;
    }
    key(&hand, |new| new.key.enabled = false).await;
    key(&hand, |new| new.key.expires_at = Some(ago(&hand, HOUR))).await;
    key(&hand, |new| new.key.expires_at = Some(now)).await;
    key(&hand, |new| new.key.expires_at = Some(now.plus(MICRO))).await;
    key(&hand, |new| new.key.expires_at = Some(now.plus(DAY * 7))).await;
    key(&hand, |new| new.key.expires_at = Some(now.plus(DAY * 7 + MICRO))).await;
    key(&hand, |new| (new.key.expires_at, new.key.enabled) = (Some(now.plus(DAY)), false)).await;
    for _ in 0..2 {
        let new = key(&hand, |new| new.key.expires_at = Some(now.plus(DAY))).await;
        hand.revoke(&new.key).await;
    }
    for _ in 0..5 {
        hand.key_of(&acme, &["admin"]).await;
    }
    let expected = KeyStats { active: 6, revoked: 2, expiring: 2, ..KeyStats::default() };
    assert_eq!(figures(&hand).await, expected);
    let of_acme = KeyStats { active: 5, ..KeyStats::default() };
    assert_eq!(hand.store.key_stats(&acme, now).await, Ok(of_acme));
    hand.clock.advance(DAY * 7);
    assert_eq!(figures(&hand).await, KeyStats { active: 4, expiring: 1, ..expected }, "by the time that is given");
    assert_eq!(hand.store.key_stats(&TenantId::default(), now).await, Ok(expected), "not by the clock");
}

pub async fn unused_keys_are_counted(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (idle, edge) = (ago(&hand, DAY * 30 + MICRO), ago(&hand, DAY * 30));
    key(&hand, |new| new.key.created_at = idle).await;
    key(&hand, |new| new.key.created_at = edge).await;
    key(&hand, |new| (new.key.created_at, new.key.enabled) = (idle, false)).await;
    // Expiry has no effect on `unused`.
    key(&hand, |new| (new.key.created_at, new.key.expires_at) = (idle, Some(edge))).await;
    let revoked = key(&hand, |new| new.key.created_at = idle).await;
    hand.revoke(&revoked.key).await;
    let refused = key(&hand, |new| new.key.created_at = idle).await;
    let only_refused = UsageDelta { admitted: 0, last_used: None, ..hand.delta(refused.key.id) };
    hand.count(&[only_refused]).await;
    let long_ago = key(&hand, |new| new.key.created_at = idle).await;
    use_at(&hand, &long_ago, idle).await;
    let lately = key(&hand, |new| new.key.created_at = idle).await;
    use_at(&hand, &lately, edge).await;
    let counted = figures(&hand).await;
    assert_eq!((counted.unused, counted.active, counted.revoked), (4, 5, 1));
    use_at(&hand, &long_ago, hand.now()).await;
    assert_eq!(figures(&hand).await.unused, 3);
    hand.clock.advance(MICRO);
    assert_eq!(figures(&hand).await.unused, 5, "a moment later those at the edge are");
}

pub async fn used_keys_are_counted_whatever_became_of_them(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let ages = [Duration::ZERO, HOUR, HOUR + MICRO, DAY, DAY + MICRO, DAY * 40];
    let mut keys = Vec::new();
    for age in ages {
        let new = key(&hand, |_| ()).await;
        use_at(&hand, &new, ago(&hand, age)).await;
        keys.push(new);
    }
    // A use reported by a node whose clock is ahead.
    use_at(&hand, &key(&hand, |_| ()).await, hand.now().plus(HOUR)).await;
    let acme = hand.tenant("acme").await;
    let other = hand.key_of(&acme, &["admin"]).await;
    use_at(&hand, &other, hand.now()).await;
    let used = async || {
        let counted = figures(&hand).await;
        (counted.used_last_hour, counted.used_last_day)
    };
    assert_eq!(used().await, (3, 5));
    hand.revoke(&keys[0].key).await;
    hand.update(&keys[1].key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &hand.guard()).await;
    assert_eq!(used().await, (3, 5));
    use_at(&hand, &keys[1], hand.now()).await;
    use_at(&hand, &keys[5], ago(&hand, HOUR)).await;
    // A use older than the last one changes nothing.
    use_at(&hand, &keys[0], ago(&hand, DAY * 2)).await;
    assert_eq!(used().await, (4, 6));
    hand.clock.advance(HOUR * 2);
    assert_eq!(used().await, (1, 5));
}

pub async fn figures_follow_every_change(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = key(&hand, |new| new.key.created_at = ago(&hand, DAY * 31)).await;
    let mut expected = KeyStats { active: 1, unused: 1, ..KeyStats::default() };
    assert_eq!(figures(&hand).await, expected);
    let change = async |patch: KeyPatch| {
        hand.update(&new.key, &patch, &hand.guard()).await;
        figures(&hand).await
    };
    let off = KeyPatch { enabled: Some(false), ..KeyPatch::default() };
    assert_eq!(change(off.clone()).await, KeyStats::default());
    // The key is used while it is disabled, by a node that did not know of that yet.
    use_at(&hand, &new, hand.now()).await;
    expected = KeyStats { active: 1, used_last_hour: 1, used_last_day: 1, ..KeyStats::default() };
    assert_eq!(change(KeyPatch { enabled: Some(true), ..off }).await, expected);
    let soon = KeyPatch { expires_at: Some(Some(hand.now().plus(HOUR))), ..KeyPatch::default() };
    assert_eq!(change(soon).await, KeyStats { expiring: 1, ..expected });
    hand.rotate(&new.key, &StoreHandle::rotation(HOUR)).await;
    assert_eq!(figures(&hand).await, KeyStats { expiring: 1, ..expected });
    let never = KeyPatch { expires_at: Some(None), scopes: Some(scopes(&["nudge"])), ..KeyPatch::default() };
    assert_eq!(change(never).await, expected);
    hand.clock.advance(DAY * 31);
    expected = KeyStats { active: 1, unused: 1, ..KeyStats::default() };
    assert_eq!(figures(&hand).await, expected);
    use_at(&hand, &new, hand.now()).await;
    expected = KeyStats { active: 1, used_last_hour: 1, used_last_day: 1, ..KeyStats::default() };
    assert_eq!(figures(&hand).await, expected);
    hand.revoke(&new.key).await;
    assert_eq!(figures(&hand).await, KeyStats { active: 0, revoked: 1, ..expected });
    use_at(&hand, &new, hand.now().plus(MICRO)).await;
    assert_eq!(figures(&hand).await, KeyStats { active: 0, revoked: 1, ..expected });
}
