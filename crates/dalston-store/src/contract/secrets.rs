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
    let hand = StoreHandle::of(fixture);
    hand.key().await;
    assert_eq!(hand.store.find_key(&digest()).await, Ok(None));
}

pub async fn a_key_is_found_in_every_state(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let mut ended = hand.new_key();
    ended.key.expires_at = Some(hand.now());
    hand.insert(&ended).await;
    assert_eq!(hand.find(&ended.digest).await.key, ended.key);
    let off = hand.key().await;
    hand.update(&off.key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &hand.guard()).await;
    assert!(!hand.find(&off.digest).await.key.enabled);
    let gone = hand.key().await;
    hand.revoke(&gone.key).await;
    assert!(hand.find(&gone.digest).await.key.revoked_at.is_some());
    let moment = hand.now().plus(HOUR);
    hand.clock.advance(HOUR);
    assert_eq!(hand.find(&gone.digest).await.now, moment, "the store's time");
}

pub async fn both_secrets_work_while_a_rotation_overlaps(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    let rotation = StoreHandle::rotation(HOUR);
    let end = hand.now().plus(HOUR);
    hand.rotate(&new.key, &rotation).await;
    hand.clock.advance(HOUR.saturating_sub(Duration::from_micros(1)));
    let (old, current) = (hand.find(&new.digest).await, hand.find(&rotation.digest).await);
    assert_eq!(old.secret_expires_at, Some(end));
    assert_eq!(current.secret_expires_at, None);
    assert_eq!(old.key, current.key);
    assert!(hand.lives(&new.digest).await && hand.lives(&rotation.digest).await);
}

pub async fn the_old_secret_ends_when_it_was_told_to(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    let rotation = StoreHandle::rotation(HOUR);
    hand.rotate(&new.key, &rotation).await;
    hand.clock.advance(HOUR);
    assert!(!hand.lives(&new.digest).await);
    assert!(hand.lives(&rotation.digest).await);
    hand.clock.advance(HOUR * 24 * 365);
    assert!(!hand.lives(&new.digest).await);
    assert!(hand.lives(&rotation.digest).await);
}

pub async fn a_rotation_without_overlap_ends_the_old_secret_at_once(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    let rotation = StoreHandle::rotation(Duration::ZERO);
    hand.rotate(&new.key, &rotation).await;
    assert!(!hand.lives(&new.digest).await);
    assert_eq!(hand.find(&rotation.digest).await.secret_expires_at, None);
}

pub async fn a_running_overlap_forbids_a_rotation(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (new, other) = (hand.key().await, hand.key().await);
    let first = StoreHandle::rotation(HOUR);
    let end = hand.now().plus(HOUR);
    hand.rotate(&new.key, &first).await;
    hand.rotate(&other.key, &StoreHandle::rotation(HOUR)).await;
    let (before, seq) = (hand.look(&new.key).await, hand.seq().await);
    for step in [Duration::ZERO, HOUR.saturating_sub(Duration::from_micros(1))] {
        hand.clock.advance(step);
        for length in [Duration::ZERO, HOUR, HOUR * 2] {
            let again = StoreHandle::rotation(length);
            let answer = hand.try_rotate(&new.key, &again, &hand.guard(), None).await;
            assert_eq!(answer, RotateKeyOutcome::Overlapping(end), "{length:?}");
            assert_eq!(hand.store.find_key(&again.digest).await, Ok(None));
            assert_eq!(hand.find(&new.digest).await.secret_expires_at, Some(end));
            assert!(hand.lives(&new.digest).await && hand.lives(&first.digest).await);
        }
    }
    assert_eq!((hand.look(&new.key).await, hand.seq().await), (before, seq));
    hand.clock.advance(Duration::from_micros(1));
    let next = StoreHandle::rotation(HOUR);
    hand.rotate(&new.key, &next).await;
    assert!(!hand.lives(&new.digest).await && hand.lives(&first.digest).await && hand.lives(&next.digest).await);
    // An overlap of zero length is never running.
    let third = hand.key().await;
    for _ in 0..3 {
        hand.rotate(&third.key, &StoreHandle::rotation(Duration::ZERO)).await;
    }
    // The preconditions are checked first: a caller that may not change the key learns nothing about its overlap.
    hand.rotate(&third.key, &StoreHandle::rotation(HOUR)).await;
    hand.revoke(&third.key).await;
    let answer = hand.try_rotate(&third.key, &StoreHandle::rotation(HOUR), &hand.guard(), None).await;
    assert_eq!(answer, RotateKeyOutcome::Refused(PolicyViolation::Revoked));
}

pub async fn a_refused_rotation_claims_nothing(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    hand.rotate(&new.key, &StoreHandle::rotation(HOUR)).await;
    let claim = hand.claim("rotate");
    let again = StoreHandle::rotation(HOUR);
    let answer = hand.try_rotate(&new.key, &again, &hand.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Overlapping(hand.now().plus(HOUR)));
    let told = StoreHandle::replacement(HOUR);
    let answer = hand.try_rotate(&new.key, &told, &hand.guard(), Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }), "{answer:?}");
    assert!(!hand.lives(&new.digest).await && hand.lives(&told.digest).await);
}

pub async fn a_rotation_that_is_told_to_ends_the_oldest_secret(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    let (second, third) = (StoreHandle::rotation(HOUR * 2), StoreHandle::replacement(HOUR));
    hand.rotate(&new.key, &second).await;
    hand.rotate(&new.key, &third).await;
    assert!(!hand.lives(&new.digest).await);
    assert_eq!(hand.find(&second.digest).await.secret_expires_at, Some(hand.now().plus(HOUR)));
    assert_eq!(hand.find(&third.digest).await.secret_expires_at, None);
    hand.clock.advance(HOUR);
    assert!(!hand.lives(&second.digest).await);
    let fourth = StoreHandle::replacement(HOUR);
    hand.rotate(&new.key, &fourth).await;
    assert!(!hand.lives(&second.digest).await && hand.lives(&third.digest).await && hand.lives(&fourth.digest).await);
}

pub async fn a_rotation_keeps_all_but_the_prefix(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (new, other) = (hand.key().await, hand.key().await);
    hand.count(&[hand.delta(new.key.id)]).await;
    let used = hand.look(&new.key).await;
    let usage = hand.store.usage(&new.key.tenant, new.key.id, Day::from_number(0)).await.unwrap();
    let rotation = StoreHandle::rotation(HOUR);
    let rotated = hand.rotate(&new.key, &rotation).await;
    let key = Key { prefix: rotation.prefix.clone(), ..new.key.clone() };
    assert_eq!((&rotated.key, rotated.last_used_at), (&key, used.last_used_at));
    assert_eq!(hand.look(&new.key).await, rotated);
    assert_eq!(hand.store.usage(&new.key.tenant, new.key.id, Day::from_number(0)).await.unwrap(), usage);
    assert_eq!(hand.find(&other.digest).await.key, other.key);
    assert!(hand.lives(&other.digest).await, "other keys keep their secrets");
}

pub async fn a_revoked_key_is_not_rotated(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    hand.revoke(&new.key).await;
    let before = hand.look(&new.key).await;
    let rotation = StoreHandle::rotation(HOUR);
    let answer = hand.try_rotate(&new.key, &rotation, &hand.guard(), None).await;
    assert_eq!(answer, RotateKeyOutcome::Refused(PolicyViolation::Revoked));
    assert_eq!(hand.store.find_key(&rotation.digest).await, Ok(None));
    assert_eq!(hand.look(&new.key).await, before);
}
