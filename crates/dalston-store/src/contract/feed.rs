//! The change feed: sequence numbers only grow.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::{ChangesResult, Checkpoint, KeyChange};
use dalston_model::{
    Actor, AuditEntry, AuditHash, AuditRecord, Door, Key, KeyAction, KeyPatch, Source, Target, Tenant, Timestamp,
};
use serde_json::json;
use std::{collections::HashMap, time::Duration};

pub async fn an_empty_store_has_no_changes(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(handle.seq().await, 0);
    assert_eq!(handle.store.checkpoint().await, Ok(Checkpoint::START));
    assert_eq!(handle.changes(&Checkpoint::START, 10).await, (Vec::new(), Checkpoint::START));
    assert_eq!(handle.audit().await, []);
}

pub async fn a_change_has_the_number_of_its_audit_record(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.key().await.key;
    let record = handle.audit().await.remove(0);
    assert_eq!(handle.seq().await, record.seq);
    let end = Checkpoint { seq: record.seq, link: record.hash };
    assert_eq!(handle.store.checkpoint().await, Ok(end));
    assert_eq!(handle.changes(&Checkpoint::START, 10).await, (vec![KeyChange { seq: record.seq, key }], end));
    assert_eq!(handle.changes(&end, 10).await, (Vec::new(), end));
    assert_eq!(handle.store.audit_after(record.seq, 10).await, Ok(Vec::new()));
}

pub async fn a_key_that_changed_twice_is_there_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (one, two) = (handle.key().await, handle.key().await);
    let middle = handle.store.checkpoint().await.unwrap();
    handle.update(&one.key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &handle.guard()).await;
    let rotation = StoreHandle::rotation(Duration::ZERO);
    handle.rotate(&one.key, &rotation).await;
    let last = handle.store.checkpoint().await.unwrap();
    let now = Key { enabled: false, prefix: rotation.prefix, ..one.key.clone() };
    let changes = handle.changes(&Checkpoint::START, 10).await.0;
    let expected = [KeyChange { seq: middle.seq, key: two.key.clone() }, KeyChange { seq: last.seq, key: now }];
    assert_eq!(changes, expected);
    assert_eq!(handle.changes(&middle, 10).await.0, expected[1..]);
    handle.revoke(&two.key).await;
    let changes = handle.changes(&last, 10).await.0;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].key, Key { revoked_at: Some(handle.now()), ..two.key });
}

pub async fn changes_come_in_order_and_in_parts(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(handle.key().await.key.id);
        handle.note().await;
        ids.push(handle.key_of(&acme, &["nudge"]).await.key.id);
    }
    let (mut seen, mut checkpoint) = (Vec::new(), Checkpoint::START);
    loop {
        let (part, next) = handle.changes(&checkpoint, 3).await;
        assert!(part.len() <= 3 && part.is_sorted_by(|one, two| one.seq < two.seq));
        assert!(part.iter().all(|change| change.seq > checkpoint.seq));
        if part.is_empty() {
            break;
        }
        checkpoint = next;
        seen.extend(part.iter().map(|change| change.key.id));
    }
    assert_eq!(seen, ids, "the keys of all tenants, and keys only");
}

pub async fn the_mark_of_a_part_is_that_of_its_last_change(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..3 {
        handle.key().await;
        handle.note().await;
    }
    let records = handle.audit().await;
    let checkpoint = |number: usize| Checkpoint { seq: records[number].seq, link: records[number].hash };
    let (part, next) = handle.changes(&Checkpoint::START, 2).await;
    assert_eq!((part.len(), next), (2, checkpoint(2)));
    let (part, next) = handle.changes(&next, 2).await;
    assert_eq!((part.len(), next), (1, checkpoint(5)), "the rest, and all that is no change of a key");
    assert_eq!(handle.changes(&checkpoint(3), 0).await, (Vec::new(), checkpoint(3)));
}

pub async fn a_history_that_is_another_one_is_noticed(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..3 {
        handle.key().await;
    }
    let records = handle.audit().await;
    let end = handle.store.checkpoint().await.unwrap();
    let others = [
        ("lost its end", Checkpoint { seq: end.seq + 1, link: end.link }),
        ("is much shorter", Checkpoint { seq: u64::MAX, link: end.link }),
        ("has as many changes", Checkpoint { link: records[1].hash, ..end }),
        ("has more by now", Checkpoint { seq: records[0].seq, link: records[2].hash }),
        ("began anew", Checkpoint { link: Some(AuditHash::new([7; 32])), ..end }),
        ("is older than the chain", Checkpoint { link: None, ..end }),
    ];
    for (what, other) in others {
        for limit in [1, 100] {
            assert_eq!(
                handle.store.key_changes(&other, limit).await,
                Ok(ChangesResult::Diverged(end)),
                "a history that {what}"
            );
        }
    }
    let key = handle.key().await.key;
    let (changes, next) = handle.changes(&end, 10).await;
    assert_eq!((changes.len(), changes[0].key.id, next.seq), (1, key.id, end.seq + 1));
}

pub async fn what_was_heard_is_seen_by_whoever_looks_then(fixture: &Fixture) {
    const KEYS: usize = 40;
    let (handle, other) = (StoreHandle::of(fixture), fixture.other_node().await);
    let mut keys = HashMap::new();
    for _ in 0..KEYS {
        let new = handle.key().await;
        keys.insert(new.key.id, new);
    }
    let mut checkpoint = other.checkpoint().await.unwrap();
    let revoking = tokio::spawn({
        let (handle, keys) = (handle.clone(), keys.values().map(|new| new.key.clone()).collect::<Vec<_>>());
        async move {
            at_once(KEYS, |number| {
                let (handle, key) = (handle.clone(), keys[number].clone());
                async move { handle.revoke(&key).await }
            })
            .await
        }
    });
    while !keys.is_empty() {
        let ChangesResult::Changes { changes, checkpoint: next } = other.key_changes(&checkpoint, 10).await.unwrap()
        else {
            panic!("the history is the same")
        };
        for change in changes {
            let new = keys.remove(&change.key.id).unwrap();
            let found = other.find_key(&new.digest).await.unwrap().unwrap();
            assert!(found.key.revoked_at.is_some(), "change {} was heard and is not seen", change.seq);
        }
        checkpoint = next;
    }
    revoking.await.unwrap();
    other.close().await;
}

pub async fn every_field_of_an_audit_record_survives(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let sources = [
        (
            Actor::Key(handle.key_id()),
            Door::Http,
            Some("2001:db8::1".parse().unwrap()),
            Some("aZ0_.-".parse().unwrap()),
        ),
        (Actor::Master, Door::Stream, Some("192.0.2.1".parse().unwrap()), None),
        (Actor::Operator, Door::Cli, None, Some("x".repeat(64).parse().unwrap())),
        (Actor::Gateway, Door::Gateway, None, None),
        (Actor::ChatAdmin(-1_001_234_567_890), Door::Chat, None, None),
        (Actor::ChatGuest(i64::MAX), Door::Llm, None, None),
    ];
    let (mut expected, mut previous) = (Vec::new(), AuditHash::START);
    for (actor, door, address, request_id) in sources {
        let new = handle.new_key();
        let entry = AuditEntry {
            time: Timestamp::from_micros(handle.now().as_micros() + 999_999),
            tenant: new.key.tenant.clone(),
            source: Source { actor, door, address, request_id },
            action: KeyAction::KEY_CREATED,
            target: Target::key(new.key.id),
            detail: json!({"name": "Ünï 'q\"' 🎉", "list": [], "object": {}, "null": null, "n": u64::MAX, "f": 0.5}),
        };
        handle.store.insert_key(&new, None, &entry).await.unwrap();
        let mut record = AuditRecord::new(handle.seq().await, &entry);
        previous = record.link(previous);
        record.hash = Some(previous);
        expected.push(record);
    }
    assert_eq!(handle.audit().await, expected);
}

pub async fn every_change_is_recorded_once_in_order(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = handle.tenant("acme").await;
    let key = handle.key_of(&tenant, &["admin"]).await.key;
    handle.update(&key, &KeyPatch { enabled: Some(true), ..KeyPatch::default() }, &handle.guard()).await;
    handle.rotate(&key, &StoreHandle::rotation(Duration::ZERO)).await;
    handle.revoke(&key).await;
    let records = handle.audit().await;
    let key_id = key.id.to_string();
    let expected = [
        ("tenant.created", "acme", "tenant", "acme"),
        ("key.created", "acme", "key", &key_id),
        ("key.updated", "acme", "key", &key_id),
        ("key.rotated", "acme", "key", &key_id),
        ("key.revoked", "acme", "key", &key_id),
    ];
    let texts = |record: &AuditRecord| {
        [&record.action, &record.tenant_id, &record.target_kind, &record.target_id].map(String::clone)
    };
    assert_eq!(
        records.iter().map(texts).collect::<Vec<_>>(),
        expected.map(|(action, tenant, kind, id)| [action, tenant, kind, id].map(str::to_owned))
    );
    assert!(records.is_sorted_by(|one, two| one.seq < two.seq) && records[0].seq > 0);
    assert_eq!(records.last().map(|record| record.seq), Some(handle.seq().await));
}

pub async fn audit_records_come_in_parts(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..7 {
        handle.key().await;
    }
    let all = handle.audit().await;
    assert_eq!(handle.store.audit_after(0, 3).await.unwrap(), all[..3]);
    assert_eq!(handle.store.audit_after(all[2].seq, 3).await.unwrap(), all[3..6]);
    assert_eq!(handle.store.audit_after(all[5].seq, 3).await.unwrap(), all[6..]);
}

pub async fn what_changes_nothing_is_not_recorded(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    handle.revoke(&new.key).await;
    let records = handle.audit().await;
    let seq = handle.seq().await;
    handle.revoke(&new.key).await;
    handle.update(&new.key, &KeyPatch::default(), &handle.guard()).await;
    handle.try_rotate(&new.key, &StoreHandle::rotation(Duration::ZERO), &handle.guard(), None).await;
    let stranger = handle.new_key();
    handle.revoke(&stranger.key).await;
    let entry = handle.entry(KeyAction::KEY_CREATED, &stranger.key.tenant, Target::key(stranger.key.id));
    handle.store.insert_first_key(&stranger, &entry).await.unwrap();
    let default = Tenant { id: new.key.tenant, name: None, created_at: handle.now() };
    handle.store.insert_tenant(&default, &entry).await.unwrap();
    assert_eq!(handle.audit().await, records);
    assert_eq!(handle.seq().await, seq);
}

pub async fn a_store_tells_its_time(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for _ in 0..2 {
        assert_eq!(handle.store.now().await, Ok(handle.now()));
        handle.clock.advance(Duration::from_micros(1_234_567));
    }
}
