//! Idempotency keys: a repeated request takes effect only once.

use super::{Fixture, handle::StoreHandle};
use crate::{
    AlreadyProcessed, IdempotencyKey, InsertKeyOutcome, PolicyViolation, RotateKeyOutcome, UpdatePrecondition,
};
use dalston_model::Key;
use std::time::Duration;

fn repeated(target: &impl ToString, same_payload: bool) -> AlreadyProcessed {
    AlreadyProcessed { target: target.to_string(), same_payload }
}

pub async fn a_repeated_claim_inserts_nothing(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (one, two, claim) = (hand.new_key(), hand.new_key(), hand.claim("once"));
    assert_eq!(hand.try_insert(&one, Some(&claim)).await, InsertKeyOutcome::Inserted);
    let seq = hand.seq().await;
    let answer = InsertKeyOutcome::Repeated(repeated(&one.key.id, true));
    assert_eq!(hand.try_insert(&two, Some(&claim)).await, answer);
    assert_eq!(hand.store.find_key(&two.digest).await, Ok(None));
    assert_eq!(hand.store.key(&two.key.tenant, two.key.id).await, Ok(None));
    assert_eq!(hand.seq().await, seq);
    hand.revoke(&one.key).await;
    assert_eq!(hand.try_insert(&two, Some(&claim)).await, answer, "what it made then, whatever became of it");
}

pub async fn a_claim_knows_another_payload(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (one, two, claim) = (hand.new_key(), hand.new_key(), hand.claim("once"));
    hand.try_insert(&one, Some(&claim)).await;
    let other = IdempotencyKey { fingerprint: [2; 32], ..claim };
    let answer = InsertKeyOutcome::Repeated(repeated(&one.key.id, false));
    assert_eq!(hand.try_insert(&two, Some(&other)).await, answer);
    assert_eq!(hand.store.find_key(&two.digest).await, Ok(None));
}

pub async fn a_claim_lapses(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let (one, two, three, claim) = (hand.new_key(), hand.new_key(), hand.new_key(), hand.claim("once"));
    hand.try_insert(&one, Some(&claim)).await;
    hand.clock.advance(Duration::from_secs(3599));
    assert!(matches!(hand.try_insert(&two, Some(&claim)).await, InsertKeyOutcome::Repeated(_)));
    hand.clock.advance(Duration::from_secs(1));
    let claim = hand.claim("once");
    assert_eq!(hand.try_insert(&two, Some(&claim)).await, InsertKeyOutcome::Inserted);
    let answer = InsertKeyOutcome::Repeated(repeated(&two.key.id, true));
    assert_eq!(hand.try_insert(&three, Some(&claim)).await, answer, "claimed anew");
}

pub async fn claims_do_not_run_into_each_other(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    for (scope, key) in [("a", "b:c"), ("a:b", "c"), ("a:b:c", ""), ("a", "B:C"), ("a/b", "c"), ("é'", "\"%_\\")] {
        let claim = IdempotencyKey { scope: scope.to_owned(), ..hand.claim(key) };
        assert_eq!(hand.try_insert(&hand.new_key(), Some(&claim)).await, InsertKeyOutcome::Inserted, "{scope} {key}");
    }
    assert_eq!(hand.try_insert(&hand.new_key(), None).await, InsertKeyOutcome::Inserted);
}

pub async fn a_repeated_rotation_changes_nothing(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let new = hand.key().await;
    let claim = hand.claim("rotate");
    // The idempotency key is checked before the overlap that the first rotation began.
    let (first, second) =
        (StoreHandle::rotation(Duration::from_hours(1)), StoreHandle::replacement(Duration::from_hours(1)));
    let answer = hand.try_rotate(&new.key, &first, &hand.guard(), Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }));
    let answer = hand.try_rotate(&new.key, &second, &hand.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Repeated(repeated(&new.key.id, true)));
    assert_eq!(hand.store.find_key(&second.digest).await, Ok(None));
    assert!(hand.lives(&new.digest).await && hand.lives(&first.digest).await);
    assert_eq!(hand.look(&new.key).await.key, Key { prefix: first.prefix, ..new.key });
}

pub async fn a_step_that_fails_claims_nothing(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let claim = hand.claim("once");
    let mut nowhere = hand.new_key();
    nowhere.key.tenant = "nobody".parse().unwrap();
    assert_eq!(hand.try_insert(&nowhere, Some(&claim)).await, InsertKeyOutcome::UnknownTenant);
    let new = hand.key().await;
    let (rotation, narrow) = (
        StoreHandle::rotation(Duration::ZERO),
        UpdatePrecondition { within: Some(super::handle::within(&["nudge"])), ..hand.guard() },
    );
    let answer = hand.try_rotate(&new.key, &rotation, &narrow, Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Refused(PolicyViolation::Wider(_))));
    let stranger = hand.new_key().key;
    let answer = hand.try_rotate(&stranger, &rotation, &hand.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Unknown);
    assert_eq!(hand.try_insert(&hand.new_key(), Some(&claim)).await, InsertKeyOutcome::Inserted);
}
