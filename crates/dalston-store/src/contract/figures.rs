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

async fn figures(handle: &StoreHandle) -> KeyStats {
    handle.store.key_stats(&TenantId::default(), handle.now()).await.unwrap()
}

/// The time this long before now.
fn ago(handle: &StoreHandle, time: Duration) -> Timestamp {
    Timestamp::from_micros(handle.now().as_micros() - i64::try_from(time.as_micros()).unwrap())
}

/// Inserts a key that `shape` changes first.
async fn key(handle: &StoreHandle, shape: impl FnOnce(&mut KeyToInsert)) -> KeyToInsert {
    let mut new = handle.new_key();
    shape(&mut new);
    handle.insert(&new).await;
    new
}

/// Adds a use at that time.
async fn use_at(handle: &StoreHandle, new: &KeyToInsert, at: Timestamp) {
    let delta = UsageDelta { last_used: Some((at, None)), ..handle.delta(new.key.id) };
    handle.count(&[delta]).await;
}

pub async fn a_tenant_without_keys_has_no_figures(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(figures(&handle).await, KeyStats::default());
    let nobody = "nobody".parse().unwrap();
    assert_eq!(handle.store.key_stats(&nobody, handle.now()).await, Ok(KeyStats::default()));
}

pub async fn keys_are_counted_by_what_they_are(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let now = handle.now();
    let acme = handle.tenant("acme").await;
    for _ in 0..3 {
        key(&handle, |_| ()).await;
    }
    key(&handle, |new| new.key.enabled = false).await;
    key(&handle, |new| new.key.expires_at = Some(ago(&handle, HOUR))).await;
    key(&handle, |new| new.key.expires_at = Some(now)).await;
    key(&handle, |new| new.key.expires_at = Some(now.plus(MICRO))).await;
    key(&handle, |new| new.key.expires_at = Some(now.plus(DAY * 7))).await;
    key(&handle, |new| new.key.expires_at = Some(now.plus(DAY * 7 + MICRO))).await;
    key(&handle, |new| (new.key.expires_at, new.key.enabled) = (Some(now.plus(DAY)), false)).await;
    for _ in 0..2 {
        let new = key(&handle, |new| new.key.expires_at = Some(now.plus(DAY))).await;
        handle.revoke(&new.key).await;
    }
    for _ in 0..5 {
        handle.key_of(&acme, &["admin"]).await;
    }
    let expected = KeyStats { active: 6, revoked: 2, expiring: 2, ..KeyStats::default() };
    assert_eq!(figures(&handle).await, expected);
    let of_acme = KeyStats { active: 5, ..KeyStats::default() };
    assert_eq!(handle.store.key_stats(&acme, now).await, Ok(of_acme));
    handle.clock.advance(DAY * 7);
    assert_eq!(figures(&handle).await, KeyStats { active: 4, expiring: 1, ..expected }, "by the time that is given");
    assert_eq!(handle.store.key_stats(&TenantId::default(), now).await, Ok(expected), "not by the clock");
}

pub async fn unused_keys_are_counted(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (idle, edge) = (ago(&handle, DAY * 30 + MICRO), ago(&handle, DAY * 30));
    key(&handle, |new| new.key.created_at = idle).await;
    key(&handle, |new| new.key.created_at = edge).await;
    key(&handle, |new| (new.key.created_at, new.key.enabled) = (idle, false)).await;
    // Expiry has no effect on `unused`.
    key(&handle, |new| (new.key.created_at, new.key.expires_at) = (idle, Some(edge))).await;
    let revoked = key(&handle, |new| new.key.created_at = idle).await;
    handle.revoke(&revoked.key).await;
    let refused = key(&handle, |new| new.key.created_at = idle).await;
    let only_refused = UsageDelta { admitted: 0, last_used: None, ..handle.delta(refused.key.id) };
    handle.count(&[only_refused]).await;
    let long_ago = key(&handle, |new| new.key.created_at = idle).await;
    use_at(&handle, &long_ago, idle).await;
    let lately = key(&handle, |new| new.key.created_at = idle).await;
    use_at(&handle, &lately, edge).await;
    let counted = figures(&handle).await;
    assert_eq!((counted.unused, counted.active, counted.revoked), (4, 5, 1));
    use_at(&handle, &long_ago, handle.now()).await;
    assert_eq!(figures(&handle).await.unused, 3);
    handle.clock.advance(MICRO);
    assert_eq!(figures(&handle).await.unused, 5, "a moment later those at the edge are");
}

pub async fn used_keys_are_counted_whatever_became_of_them(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let ages = [Duration::ZERO, HOUR, HOUR + MICRO, DAY, DAY + MICRO, DAY * 40];
    let mut keys = Vec::new();
    for age in ages {
        let new = key(&handle, |_| ()).await;
        use_at(&handle, &new, ago(&handle, age)).await;
        keys.push(new);
    }
    // A use reported by a node whose clock is ahead.
    use_at(&handle, &key(&handle, |_| ()).await, handle.now().plus(HOUR)).await;
    let acme = handle.tenant("acme").await;
    let other = handle.key_of(&acme, &["admin"]).await;
    use_at(&handle, &other, handle.now()).await;
    let used = async || {
        let counted = figures(&handle).await;
        (counted.used_last_hour, counted.used_last_day)
    };
    assert_eq!(used().await, (3, 5));
    handle.revoke(&keys[0].key).await;
    handle.update(&keys[1].key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &handle.guard()).await;
    assert_eq!(used().await, (3, 5));
    use_at(&handle, &keys[1], handle.now()).await;
    use_at(&handle, &keys[5], ago(&handle, HOUR)).await;
    // A use older than the last one changes nothing.
    use_at(&handle, &keys[0], ago(&handle, DAY * 2)).await;
    assert_eq!(used().await, (4, 6));
    handle.clock.advance(HOUR * 2);
    assert_eq!(used().await, (1, 5));
}

pub async fn figures_follow_every_change(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = key(&handle, |new| new.key.created_at = ago(&handle, DAY * 31)).await;
    let mut expected = KeyStats { active: 1, unused: 1, ..KeyStats::default() };
    assert_eq!(figures(&handle).await, expected);
    let change = async |patch: KeyPatch| {
        handle.update(&new.key, &patch, &handle.guard()).await;
        figures(&handle).await
    };
    let off = KeyPatch { enabled: Some(false), ..KeyPatch::default() };
    assert_eq!(change(off.clone()).await, KeyStats::default());
    // The key is used while it is disabled, by a node that did not know of that yet.
    use_at(&handle, &new, handle.now()).await;
    expected = KeyStats { active: 1, used_last_hour: 1, used_last_day: 1, ..KeyStats::default() };
    assert_eq!(change(KeyPatch { enabled: Some(true), ..off }).await, expected);
    let soon = KeyPatch { expires_at: Some(Some(handle.now().plus(HOUR))), ..KeyPatch::default() };
    assert_eq!(change(soon).await, KeyStats { expiring: 1, ..expected });
    handle.rotate(&new.key, &StoreHandle::rotation(HOUR)).await;
    assert_eq!(figures(&handle).await, KeyStats { expiring: 1, ..expected });
    let never = KeyPatch { expires_at: Some(None), scopes: Some(scopes(&["nudge"])), ..KeyPatch::default() };
    assert_eq!(change(never).await, expected);
    handle.clock.advance(DAY * 31);
    expected = KeyStats { active: 1, unused: 1, ..KeyStats::default() };
    assert_eq!(figures(&handle).await, expected);
    use_at(&handle, &new, handle.now()).await;
    expected = KeyStats { active: 1, used_last_hour: 1, used_last_day: 1, ..KeyStats::default() };
    assert_eq!(figures(&handle).await, expected);
    handle.revoke(&new.key).await;
    assert_eq!(figures(&handle).await, KeyStats { active: 0, revoked: 1, ..expected });
    use_at(&handle, &new, handle.now().plus(MICRO)).await;
    assert_eq!(figures(&handle).await, KeyStats { active: 0, revoked: 1, ..expected });
}
