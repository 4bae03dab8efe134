//! Secrets: which key a digest belongs to, and the effect of a rotation on it.

use super::{
    Fixture,
    handle::{StoreHandle, digest},
};
use crate::{PolicyViolation, RotateKeyOutcome};
use dalston_model::{Day, Key, KeyPatch};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

pub async fn an_unknown_digest_leads_nowhere(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    handle.key().await;
    assert_eq!(handle.store.find_key(&digest()).await, Ok(None));
}

pub async fn a_key_is_found_in_every_state(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut ended = handle.new_key();
    ended.key.expires_at = Some(handle.now());
    handle.insert(&ended).await;
    assert_eq!(handle.find(&ended.digest).await.key, ended.key);
    let off = handle.key().await;
    handle.update(&off.key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &handle.guard()).await;
    assert!(!handle.find(&off.digest).await.key.enabled);
    let gone = handle.key().await;
    handle.revoke(&gone.key).await;
    assert!(handle.find(&gone.digest).await.key.revoked_at.is_some());
    let moment = handle.now().plus(HOUR);
    handle.clock.advance(HOUR);
    assert_eq!(handle.find(&gone.digest).await.now, moment, "the store's time");
}

pub async fn both_secrets_work_while_a_rotation_overlaps(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let rotation = StoreHandle::rotation(HOUR);
    let end = handle.now().plus(HOUR);
    handle.rotate(&new.key, &rotation).await;
    handle.clock.advance(HOUR.saturating_sub(Duration::from_micros(1)));
    let (old, current) = (handle.find(&new.digest).await, handle.find(&rotation.digest).await);
    assert_eq!(old.secret_expires_at, Some(end));
    assert_eq!(current.secret_expires_at, None);
    assert_eq!(old.key, current.key);
    assert!(handle.lives(&new.digest).await && handle.lives(&rotation.digest).await);
}

pub async fn the_old_secret_ends_when_it_was_told_to(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let rotation = StoreHandle::rotation(HOUR);
    handle.rotate(&new.key, &rotation).await;
    handle.clock.advance(HOUR);
    assert!(!handle.lives(&new.digest).await);
    assert!(handle.lives(&rotation.digest).await);
    handle.clock.advance(HOUR * 24 * 365);
    assert!(!handle.lives(&new.digest).await);
    assert!(handle.lives(&rotation.digest).await);
}

pub async fn a_rotation_without_overlap_ends_the_old_secret_at_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let rotation = StoreHandle::rotation(Duration::ZERO);
    handle.rotate(&new.key, &rotation).await;
    assert!(!handle.lives(&new.digest).await);
    assert_eq!(handle.find(&rotation.digest).await.secret_expires_at, None);
}

pub async fn a_running_overlap_forbids_a_rotation(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (new, other) = (handle.key().await, handle.key().await);
    let first = StoreHandle::rotation(HOUR);
    let end = handle.now().plus(HOUR);
    handle.rotate(&new.key, &first).await;
    handle.rotate(&other.key, &StoreHandle::rotation(HOUR)).await;
    let (before, seq) = (handle.look(&new.key).await, handle.seq().await);
    for step in [Duration::ZERO, HOUR.saturating_sub(Duration::from_micros(1))] {
        handle.clock.advance(step);
        for length in [Duration::ZERO, HOUR, HOUR * 2] {
            let again = StoreHandle::rotation(length);
            let answer = handle.try_rotate(&new.key, &again, &handle.guard(), None).await;
            assert_eq!(answer, RotateKeyOutcome::Overlapping(end), "{length:?}");
            assert_eq!(handle.store.find_key(&again.digest).await, Ok(None));
            assert_eq!(handle.find(&new.digest).await.secret_expires_at, Some(end));
            assert!(handle.lives(&new.digest).await && handle.lives(&first.digest).await);
        }
    }
    assert_eq!((handle.look(&new.key).await, handle.seq().await), (before, seq));
    handle.clock.advance(Duration::from_micros(1));
    let next = StoreHandle::rotation(HOUR);
    handle.rotate(&new.key, &next).await;
    assert!(!handle.lives(&new.digest).await && handle.lives(&first.digest).await && handle.lives(&next.digest).await);
    // An overlap of zero length is never running.
    let third = handle.key().await;
    for _ in 0..3 {
        handle.rotate(&third.key, &StoreHandle::rotation(Duration::ZERO)).await;
    }
    // The preconditions are checked first: a caller that may not change the key learns nothing about its overlap.
    handle.rotate(&third.key, &StoreHandle::rotation(HOUR)).await;
    handle.revoke(&third.key).await;
    let answer = handle.try_rotate(&third.key, &StoreHandle::rotation(HOUR), &handle.guard(), None).await;
    assert_eq!(answer, RotateKeyOutcome::Refused(PolicyViolation::Revoked));
}

pub async fn a_refused_rotation_claims_nothing(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    handle.rotate(&new.key, &StoreHandle::rotation(HOUR)).await;
    let claim = handle.claim("rotate");
    let again = StoreHandle::rotation(HOUR);
    let answer = handle.try_rotate(&new.key, &again, &handle.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Overlapping(handle.now().plus(HOUR)));
    let told = StoreHandle::replacement(HOUR);
    let answer = handle.try_rotate(&new.key, &told, &handle.guard(), Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }), "{answer:?}");
    assert!(!handle.lives(&new.digest).await && handle.lives(&told.digest).await);
}

pub async fn a_rotation_that_is_told_to_ends_the_oldest_secret(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let (second, third) = (StoreHandle::rotation(HOUR * 2), StoreHandle::replacement(HOUR));
    handle.rotate(&new.key, &second).await;
    handle.rotate(&new.key, &third).await;
    assert!(!handle.lives(&new.digest).await);
    assert_eq!(handle.find(&second.digest).await.secret_expires_at, Some(handle.now().plus(HOUR)));
    assert_eq!(handle.find(&third.digest).await.secret_expires_at, None);
    handle.clock.advance(HOUR);
    assert!(!handle.lives(&second.digest).await);
    let fourth = StoreHandle::replacement(HOUR);
    handle.rotate(&new.key, &fourth).await;
    assert!(
        !handle.lives(&second.digest).await && handle.lives(&third.digest).await && handle.lives(&fourth.digest).await
    );
}

pub async fn a_rotation_keeps_all_but_the_prefix(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (new, other) = (handle.key().await, handle.key().await);
    handle.count(&[handle.delta(new.key.id)]).await;
    let used = handle.look(&new.key).await;
    let usage = handle.store.usage(&new.key.tenant, new.key.id, Day::from_number(0)).await.unwrap();
    let rotation = StoreHandle::rotation(HOUR);
    let rotated = handle.rotate(&new.key, &rotation).await;
    let key = Key { prefix: rotation.prefix.clone(), ..new.key.clone() };
    assert_eq!((&rotated.key, rotated.last_used_at), (&key, used.last_used_at));
    assert_eq!(handle.look(&new.key).await, rotated);
    assert_eq!(handle.store.usage(&new.key.tenant, new.key.id, Day::from_number(0)).await.unwrap(), usage);
    assert_eq!(handle.find(&other.digest).await.key, other.key);
    assert!(handle.lives(&other.digest).await, "other keys keep their secrets");
}

pub async fn a_revoked_key_is_not_rotated(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    handle.revoke(&new.key).await;
    let before = handle.look(&new.key).await;
    let rotation = StoreHandle::rotation(HOUR);
    let answer = handle.try_rotate(&new.key, &rotation, &handle.guard(), None).await;
    assert_eq!(answer, RotateKeyOutcome::Refused(PolicyViolation::Revoked));
    assert_eq!(handle.store.find_key(&rotation.digest).await, Ok(None));
    assert_eq!(handle.look(&new.key).await, before);
}
