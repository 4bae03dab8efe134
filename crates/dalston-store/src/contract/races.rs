//! Concurrency: concurrent operations leave a state that some serial order of them would have left.

use super::{
    Fixture,
    handle::{StoreHandle, at_once, page},
    pages::walk,
};
use crate::{Checkpoint, InsertKeyOutcome, RevokeKeyOutcome, RotateKeyOutcome, UpdateKeyOutcome, UpdatePrecondition};
use dalston_model::{Day, KeyAction, KeyId, KeyPatch, Start, Target, TenantId};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

pub async fn parallel_inserts_of_one_claim_insert_one(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for round in 0..10 {
        let claim = handle.claim(&format!("round {round}"));
        let answers = at_once(16, |_| {
            let (handle, claim) = (handle.clone(), claim.clone());
            async move {
                let new = handle.new_key();
                (new.key.id, handle.try_insert(&new, Some(&claim)).await)
            }
        })
        .await;
        let inserted: Vec<KeyId> =
            answers.iter().filter(|(_, answer)| *answer == InsertKeyOutcome::Inserted).map(|(id, _)| *id).collect();
        assert_eq!(inserted.len(), 1);
        for (_, answer) in answers {
            if let InsertKeyOutcome::Repeated(repeated) = answer {
                assert_eq!((repeated.target, repeated.same_payload), (inserted[0].to_string(), true));
            }
        }
        let listed = handle.store.keys(&TenantId::default(), &page(100, Start::Newest), true).await.unwrap();
        assert_eq!(listed.items.len(), round + 1);
    }
    assert_eq!(handle.audit().await.len(), 10);
}

pub async fn parallel_first_keys_insert_one(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let answers = at_once(8, |number| {
        let mut new = handle.new_key();
        if number % 2 == 1 {
            new.key.tenant = "acme".parse().unwrap();
        }
        let entry = handle.entry(KeyAction::KEY_CREATED, &new.key.tenant, Target::key(new.key.id));
        let store = handle.store.clone();
        async move { (store.insert_first_key(&new, &entry).await.unwrap(), new) }
    })
    .await;
    assert_eq!(answers.iter().filter(|(first, _)| *first).count(), 1);
    for (first, new) in answers {
        assert_eq!(handle.store.find_key(&new.digest).await.unwrap().is_some(), first);
    }
    assert_eq!(handle.audit().await.len(), 1);
}

pub async fn parallel_changes_leave_one_admin(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for round in 0..40 {
        let tenant = handle.tenant(&format!("t{round}")).await;
        let admins = [handle.key_of(&tenant, &["admin"]).await, handle.key_of(&tenant, &["admin"]).await];
        let done = at_once(2, |number| {
            let (handle, key) = (handle.clone(), admins[number].key.clone());
            async move {
                let guard = UpdatePrecondition { keep_admin: true, ..handle.guard() };
                if number == 0 || round % 2 == 0 {
                    return handle.try_revoke(&key, &guard).await == RevokeKeyOutcome::Revoked;
                }
                let off = KeyPatch { enabled: Some(false), ..KeyPatch::default() };
                matches!(handle.update(&key, &off, &guard).await, UpdateKeyOutcome::Changed(_))
            }
        })
        .await;
        assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
        let mut live = 0;
        for admin in &admins {
            live += usize::from(handle.look(&admin.key).await.key.is_live_admin(handle.now()));
        }
        assert_eq!(live, 1);
    }
}

pub async fn parallel_rotations_keep_the_secret_in_use(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..10 {
        let new = handle.key().await;
        let end = handle.now().plus(Duration::from_mins(1));
        let answers = at_once(8, |_| {
            let (handle, key) = (handle.clone(), new.key.clone());
            async move {
                let rotation = StoreHandle::rotation(Duration::from_mins(1));
                (handle.try_rotate(&key, &rotation, &handle.guard(), None).await, rotation.digest)
            }
        })
        .await;
        let (mut rotated, mut live) = (0, 0);
        for (answer, digest) in answers {
            live += usize::from(handle.lives(&digest).await);
            match answer {
                RotateKeyOutcome::Rotated { .. } => rotated += 1,
                other => assert_eq!(other, RotateKeyOutcome::Overlapping(end)),
            }
        }
        assert_eq!((rotated, live), (1, 1));
        assert!(handle.lives(&new.digest).await);
    }
}

pub async fn parallel_rotations_leave_two_secrets(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..10 {
        let new = handle.key().await;
        let mut secrets = at_once(8, |_| {
            let (handle, key) = (handle.clone(), new.key.clone());
            async move {
                let rotation = StoreHandle::replacement(Duration::from_mins(1));
                handle.rotate(&key, &rotation).await;
                rotation.digest
            }
        })
        .await;
        secrets.push(new.digest);
        let (mut current, mut ending) = (0, 0);
        for secret in secrets {
            if handle.lives(&secret).await {
                let ends = handle.find(&secret).await.secret_expires_at.is_some();
                *(if ends { &mut ending } else { &mut current }) += 1;
            }
        }
        assert_eq!((current, ending), (1, 1));
    }
}

pub async fn parallel_uses_all_count(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let keys = Arc::new([handle.key().await.key, handle.key().await.key]);
    at_once(16, |number| {
        let (handle, keys) = (handle.clone(), keys.clone());
        async move {
            for _ in 0..25 {
                // In both orders: an engine that locks row by row must not deadlock.
                let (one, two) = (keys[number % 2].id, keys[(number + 1) % 2].id);
                handle.count(&[handle.delta(one), handle.delta(two)]).await;
            }
        }
    })
    .await;
    for key in keys.iter() {
        let usage = handle.store.usage(&key.tenant, key.id, Day::from_number(0)).await.unwrap().unwrap();
        assert_eq!((usage.usage_count, usage.days), (400, vec![(Day::of(handle.now()), 400)]));
    }
}

pub async fn a_walk_among_insertions_sees_every_key_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut before = HashSet::new();
    for _ in 0..40 {
        before.insert(handle.key().await.key.id);
        handle.clock.advance(Duration::from_micros(2));
    }
    let ended = Arc::new(AtomicBool::new(false));
    let inserted = tokio::spawn({
        let (handle, ended) = (handle.clone(), ended.clone());
        async move {
            for number in 0..200 {
                let mut new = handle.new_key();
                new.key.created_at = handle.now().plus(Duration::from_micros(number));
                // Every other key is inserted between the existing ones.
                if number % 2 == 0 {
                    new.key.created_at = dalston_model::Timestamp::from_micros(handle.now().as_micros() - 79 + 2);
                }
                handle.insert(&new).await;
            }
            ended.store(true, Ordering::SeqCst);
        }
    });
    while !ended.load(Ordering::SeqCst) {
        let walked = walk(&handle, 7, async || ()).await;
        let seen: HashSet<_> = walked.iter().copied().collect();
        assert_eq!(seen.len(), walked.len(), "a key twice");
        assert!(seen.is_superset(&before), "a key never");
    }
    inserted.await.unwrap();
    assert_eq!(walk(&handle, 100, async || ()).await.len(), 240);
}

pub async fn a_reader_of_the_feed_misses_nothing(fixture: &Fixture) {
    const TASKS: usize = 8;
    const EACH: usize = 30;
    let handle = StoreHandle::of(fixture);
    let left = Arc::new(AtomicU64::new(TASKS as u64));
    let mut writers = JoinSet::new();
    for _ in 0..TASKS {
        let (handle, left) = (handle.clone(), left.clone());
        writers.spawn(async move {
            for _ in 0..EACH {
                handle.key().await;
            }
            left.fetch_sub(1, Ordering::SeqCst);
        });
    }
    // If a number became visible before a smaller one is committed, a reader would never see the smaller one.
    let (mut keys, mut records, mut checkpoint, mut audit_seq) = (HashSet::new(), 0, Checkpoint::START, 0);
    loop {
        let ended = left.load(Ordering::SeqCst) == 0;
        let (changes, next) = handle.changes(&checkpoint, 16).await;
        let audit = handle.store.audit_after(audit_seq, 16).await.unwrap();
        assert!(changes.first().is_none_or(|first| first.seq > checkpoint.seq), "a change again");
        assert!(audit.first().is_none_or(|first| first.seq > audit_seq), "a record again");
        assert!(changes.last().is_none_or(|last| last.seq <= next.seq), "a mark that goes back");
        checkpoint = next;
        audit_seq = audit.last().map_or(audit_seq, |record| record.seq);
        records += audit.len();
        if ended && changes.is_empty() && audit.is_empty() {
            break;
        }
        keys.extend(changes.into_iter().map(|change| change.key.id));
    }
    writers.join_all().await;
    assert_eq!((keys.len(), records), (TASKS * EACH, TASKS * EACH));
    assert_eq!(handle.seq().await, audit_seq);
}
