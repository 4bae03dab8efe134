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
    let handle = StoreHandle::of(fixture);
    let (one, two, claim) = (handle.new_key(), handle.new_key(), handle.claim("once"));
    assert_eq!(handle.try_insert(&one, Some(&claim)).await, InsertKeyOutcome::Inserted);
    let seq = handle.seq().await;
    let answer = InsertKeyOutcome::Repeated(repeated(&one.key.id, true));
    assert_eq!(handle.try_insert(&two, Some(&claim)).await, answer);
    assert_eq!(handle.store.find_key(&two.digest).await, Ok(None));
    assert_eq!(handle.store.key(&two.key.tenant, two.key.id).await, Ok(None));
    assert_eq!(handle.seq().await, seq);
    handle.revoke(&one.key).await;
    assert_eq!(handle.try_insert(&two, Some(&claim)).await, answer, "what it made then, whatever became of it");
}

pub async fn a_claim_knows_another_payload(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (one, two, claim) = (handle.new_key(), handle.new_key(), handle.claim("once"));
    handle.try_insert(&one, Some(&claim)).await;
    let other = IdempotencyKey { fingerprint: [2; 32], ..claim };
    let answer = InsertKeyOutcome::Repeated(repeated(&one.key.id, false));
    assert_eq!(handle.try_insert(&two, Some(&other)).await, answer);
    assert_eq!(handle.store.find_key(&two.digest).await, Ok(None));
}

pub async fn a_claim_lapses(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (one, two, three, claim) = (handle.new_key(), handle.new_key(), handle.new_key(), handle.claim("once"));
    handle.try_insert(&one, Some(&claim)).await;
    handle.clock.advance(Duration::from_secs(3599));
    assert!(matches!(handle.try_insert(&two, Some(&claim)).await, InsertKeyOutcome::Repeated(_)));
    handle.clock.advance(Duration::from_secs(1));
    let claim = handle.claim("once");
    assert_eq!(handle.try_insert(&two, Some(&claim)).await, InsertKeyOutcome::Inserted);
    let answer = InsertKeyOutcome::Repeated(repeated(&two.key.id, true));
    assert_eq!(handle.try_insert(&three, Some(&claim)).await, answer, "claimed anew");
}

pub async fn claims_do_not_run_into_each_other(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for (scope, key) in [("a", "b:c"), ("a:b", "c"), ("a:b:c", ""), ("a", "B:C"), ("a/b", "c"), ("é'", "\"%_\\")] {
        let claim = IdempotencyKey { scope: scope.to_owned(), ..handle.claim(key) };
        assert_eq!(
            handle.try_insert(&handle.new_key(), Some(&claim)).await,
            InsertKeyOutcome::Inserted,
            "{scope} {key}"
        );
    }
    assert_eq!(handle.try_insert(&handle.new_key(), None).await, InsertKeyOutcome::Inserted);
}

pub async fn a_repeated_rotation_changes_nothing(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let claim = handle.claim("rotate");
    // The idempotency key is checked before the overlap that the first rotation began.
    let (first, second) =
        (StoreHandle::rotation(Duration::from_hours(1)), StoreHandle::replacement(Duration::from_hours(1)));
    let answer = handle.try_rotate(&new.key, &first, &handle.guard(), Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }));
    let answer = handle.try_rotate(&new.key, &second, &handle.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Repeated(repeated(&new.key.id, true)));
    assert_eq!(handle.store.find_key(&second.digest).await, Ok(None));
    assert!(handle.lives(&new.digest).await && handle.lives(&first.digest).await);
    assert_eq!(handle.look(&new.key).await.key, Key { prefix: first.prefix, ..new.key });
}

pub async fn a_step_that_fails_claims_nothing(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let claim = handle.claim("once");
    let mut nowhere = handle.new_key();
    nowhere.key.tenant = "nobody".parse().unwrap();
    assert_eq!(handle.try_insert(&nowhere, Some(&claim)).await, InsertKeyOutcome::UnknownTenant);
    let new = handle.key().await;
    let (rotation, narrow) = (
        StoreHandle::rotation(Duration::ZERO),
        UpdatePrecondition { within: Some(super::handle::within(&["nudge"])), ..handle.guard() },
    );
    let answer = handle.try_rotate(&new.key, &rotation, &narrow, Some(&claim)).await;
    assert!(matches!(answer, RotateKeyOutcome::Refused(PolicyViolation::Wider(_))));
    let stranger = handle.new_key().key;
    let answer = handle.try_rotate(&stranger, &rotation, &handle.guard(), Some(&claim)).await;
    assert_eq!(answer, RotateKeyOutcome::Unknown);
    assert_eq!(handle.try_insert(&handle.new_key(), Some(&claim)).await, InsertKeyOutcome::Inserted);
}
