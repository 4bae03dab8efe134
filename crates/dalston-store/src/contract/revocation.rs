//! Revocation concurrent with all other operations: it is permanent.

use super::{
    Fixture,
    handle::{StoreHandle, at_once, page},
};
use crate::{KeyToInsert, PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, Rotation};
use dalston_model::{KeyPatch, Start, TenantId};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Barrier, task::JoinSet};

/// The number of keys that are revoked at the same time, each by one task.
const REVOKERS: usize = 2;
/// The number of concurrent writers for each of them.
const WRITERS: usize = 16;

/// Revokes `rounds` keys, each while 16 writers add to its usage. Fails if a lookup after a revocation returns the key
/// as not revoked, or if a key is no longer revoked later.
pub async fn use_against_revoke(fixture: &Fixture, rounds: usize) {
    let handle = StoreHandle::of(fixture);
    let mut revokers = JoinSet::new();
    for revoker in 0..REVOKERS {
        let handle = handle.clone();
        let mine = rounds / REVOKERS + usize::from(revoker < rounds % REVOKERS);
        revokers.spawn(async move {
            let mut keys = Vec::with_capacity(mine);
            let mut writers = JoinSet::new();
            for _ in 0..mine {
                let new = handle.key().await;
                assert_eq!(handle.find(&new.digest).await.key, new.key);
                let together = Arc::new(Barrier::new(WRITERS + 1));
                for _ in 0..WRITERS {
                    writers.spawn(use_key(handle.clone(), new.clone(), together.clone()));
                }
                together.wait().await;
                assert_eq!(handle.revoke(&new.key).await, RevokeKeyOutcome::Revoked);
                assert!(handle.find(&new.digest).await.key.revoked_at.is_some(), "in use, it outlives its revocation");
                while writers.join_next().await.transpose().unwrap().is_some() {}
                keys.push(new);
            }
            for new in keys {
                assert!(handle.find(&new.digest).await.key.revoked_at.is_some(), "it came back to life");
            }
        });
    }
    revokers.join_all().await;
    let live = handle.store.keys(&TenantId::default(), &page(1, Start::Newest), false).await.unwrap();
    assert!(live.items.is_empty(), "listed as live: {:?}", live.items);
}

/// Writes what a request writes of its key, at the moment of the revocation.
async fn use_key(handle: StoreHandle, new: KeyToInsert, together: Arc<Barrier>) {
    together.wait().await;
    handle.count(&[handle.delta(new.key.id)]).await;
}

pub async fn using_a_key_never_revives_it(fixture: &Fixture) {
    use_against_revoke(fixture, 10_000).await;
}

pub async fn changing_a_key_never_revives_it(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..50 {
        let new = handle.key().await;
        let rotations: Arc<Vec<Rotation>> =
            Arc::new((0..9).map(|_| StoreHandle::replacement(Duration::from_mins(1))).collect());
        let answers = at_once(9, |number| {
            let (handle, key, rotations) = (handle.clone(), new.key.clone(), rotations.clone());
            async move {
                match number {
                    0 => return handle.revoke(&key).await == RevokeKeyOutcome::Revoked,
                    number if number % 2 == 0 => {
                        handle.try_rotate(&key, &rotations[number], &handle.guard(), None).await;
                    }
                    _ => {
                        let patch = KeyPatch { enabled: Some(true), expires_at: Some(None), ..KeyPatch::default() };
                        handle.update(&key, &patch, &handle.guard()).await;
                    }
                }
                false
            }
        })
        .await;
        assert_eq!(answers.into_iter().filter(|revoked| *revoked).count(), 1);
        assert_eq!(handle.look(&new.key).await.key.revoked_at, Some(handle.now()));
        for secret in rotations.iter().map(|rotation| rotation.digest).chain([new.digest]) {
            let found = handle.store.find_key(&secret).await.unwrap();
            assert!(found.is_none_or(|found| found.key.revoked_at.is_some()), "a secret outlives its key");
        }
        let late = handle.try_rotate(&new.key, &StoreHandle::rotation(Duration::ZERO), &handle.guard(), None).await;
        assert_eq!(late, RotateKeyOutcome::Refused(PolicyViolation::Revoked));
    }
}
