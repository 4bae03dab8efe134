//! The record of changes: numbers that only grow.

use super::{Fixture, hand::Hand};
use crate::KeyChange;
use dalston_model::{
    Action, Actor, AuditEntry, AuditHash, AuditRecord, Door, JobStatus, Key, KeyPatch, Source, Target, Tenant,
    Timestamp,
};
use serde_json::json;
use std::time::Duration;

pub async fn an_empty_store_has_no_changes(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    assert_eq!(hand.store.last_seq().await, Ok(0));
    assert_eq!(hand.store.key_changes(0, 10).await, Ok(Vec::new()));
    assert_eq!(hand.audit().await, []);
}

pub async fn a_change_has_the_number_of_its_audit_record(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let key = hand.key().await.key;
    let record = hand.audit().await.remove(0);
    assert_eq!(hand.store.last_seq().await, Ok(record.seq));
    assert_eq!(hand.store.key_changes(0, 10).await.unwrap(), [KeyChange { seq: record.seq, key }]);
    assert_eq!(hand.store.key_changes(record.seq, 10).await, Ok(Vec::new()));
    assert_eq!(hand.store.audit_after(record.seq, 10).await, Ok(Vec::new()));
}

pub async fn a_key_that_changed_twice_is_there_once(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let (one, two) = (hand.key().await, hand.key().await);
    let middle = hand.store.last_seq().await.unwrap();
    hand.update(&one.key, &KeyPatch { enabled: Some(false), ..KeyPatch::default() }, &hand.guard()).await;
    let rotation = Hand::rotation(Duration::ZERO);
    hand.rotate(&one.key, &rotation).await;
    let last = hand.store.last_seq().await.unwrap();
    let now = Key { enabled: false, prefix: rotation.prefix, ..one.key.clone() };
    let changes = hand.store.key_changes(0, 10).await.unwrap();
    let expected = [KeyChange { seq: middle, key: two.key.clone() }, KeyChange { seq: last, key: now }];
    assert_eq!(changes, expected);
    assert_eq!(hand.store.key_changes(middle, 10).await.unwrap(), expected[1..]);
    hand.revoke(&two.key).await;
    let changes = hand.store.key_changes(last, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].key, Key { revoked_at: Some(hand.now()), ..two.key });
}

pub async fn changes_come_in_order_and_in_parts(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let acme = hand.tenant("acme").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(hand.key().await.key.id);
        hand.job(JobStatus::Pending).await;
        ids.push(hand.key_of(&acme, &["nudge"]).await.key.id);
    }
    let (mut seen, mut seq) = (Vec::new(), 0);
    loop {
        let part = hand.store.key_changes(seq, 3).await.unwrap();
        assert!(part.len() <= 3 && part.is_sorted_by(|one, two| one.seq < two.seq));
        assert!(part.iter().all(|change| change.seq > seq));
        let Some(last) = part.last() else { break };
        seq = last.seq;
        seen.extend(part.iter().map(|change| change.key.id));
    }
    assert_eq!(seen, ids, "the keys of all tenants, and keys only");
}

pub async fn every_field_of_an_audit_record_survives(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let sources = [
        (Actor::Key(hand.key_id()), Door::Http, Some("2001:db8::1".parse().unwrap()), Some("aZ0_.-".parse().unwrap())),
        (Actor::Master, Door::Stream, Some("192.0.2.1".parse().unwrap()), None),
        (Actor::Operator, Door::Cli, None, Some("x".repeat(64).parse().unwrap())),
        (Actor::Gateway, Door::Gateway, None, None),
        (Actor::ChatAdmin(-1_001_234_567_890), Door::Chat, None, None),
        (Actor::ChatGuest(i64::MAX), Door::Llm, None, None),
    ];
    let (mut expected, mut previous) = (Vec::new(), AuditHash::START);
    for (actor, door, address, request_id) in sources {
        let new = hand.new_key();
        let entry = AuditEntry {
            time: Timestamp::from_micros(hand.now().as_micros() + 999_999),
            tenant: new.key.tenant.clone(),
            source: Source { actor, door, address, request_id },
            action: Action::KeyCreated,
            target: Target::Key(new.key.id),
            detail: json!({"name": "Ünï 'q\"' 🎉", "list": [], "object": {}, "null": null, "n": u64::MAX, "f": 0.5}),
        };
        hand.store.insert_key(&new, None, &entry).await.unwrap();
        let mut record = AuditRecord::new(hand.store.last_seq().await.unwrap(), &entry);
        previous = record.link(previous);
        record.hash = Some(previous);
        expected.push(record);
    }
    assert_eq!(hand.audit().await, expected);
}

pub async fn every_change_is_recorded_once_in_order(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let tenant = hand.tenant("acme").await;
    let key = hand.key_of(&tenant, &["admin"]).await.key;
    hand.update(&key, &KeyPatch { enabled: Some(true), ..KeyPatch::default() }, &hand.guard()).await;
    hand.rotate(&key, &Hand::rotation(Duration::ZERO)).await;
    hand.revoke(&key).await;
    let job = hand.job(JobStatus::Pending).await;
    let entry = |action| hand.entry(action, &job.tenant, Target::Job(job.id));
    hand.store.cancel_job(&job.tenant, job.id, hand.now(), &entry(Action::JobCancelled)).await.unwrap();
    hand.store.delete_job(&job.tenant, job.id, &entry(Action::JobDeleted)).await.unwrap();
    let records = hand.audit().await;
    let (key_id, job_id) = (key.id.to_string(), job.id.to_string());
    let expected = [
        ("tenant.created", "acme", "tenant", "acme"),
        ("key.created", "acme", "key", &key_id),
        ("key.updated", "acme", "key", &key_id),
        ("key.rotated", "acme", "key", &key_id),
        ("key.revoked", "acme", "key", &key_id),
        ("job.created", "default", "job", &job_id),
        ("job.cancelled", "default", "job", &job_id),
        ("job.deleted", "default", "job", &job_id),
    ];
    let texts = |record: &AuditRecord| {
        [&record.action, &record.tenant_id, &record.target_kind, &record.target_id].map(String::clone)
    };
    assert_eq!(
        records.iter().map(texts).collect::<Vec<_>>(),
        expected.map(|(action, tenant, kind, id)| [action, tenant, kind, id].map(str::to_owned))
    );
    assert!(records.is_sorted_by(|one, two| one.seq < two.seq) && records[0].seq > 0);
    assert_eq!(records.last().map(|record| record.seq), hand.store.last_seq().await.ok());
}

pub async fn audit_records_come_in_parts(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    for _ in 0..7 {
        hand.key().await;
    }
    let all = hand.audit().await;
    assert_eq!(hand.store.audit_after(0, 3).await.unwrap(), all[..3]);
    assert_eq!(hand.store.audit_after(all[2].seq, 3).await.unwrap(), all[3..6]);
    assert_eq!(hand.store.audit_after(all[5].seq, 3).await.unwrap(), all[6..]);
}

pub async fn what_changes_nothing_is_not_recorded(fixture: &Fixture) {
    let hand = Hand::of(fixture);
    let new = hand.key().await;
    hand.revoke(&new.key).await;
    let records = hand.audit().await;
    let seq = hand.store.last_seq().await;
    hand.revoke(&new.key).await;
    hand.update(&new.key, &KeyPatch::default(), &hand.guard()).await;
    hand.try_rotate(&new.key, &Hand::rotation(Duration::ZERO), &hand.guard(), None).await;
    let stranger = hand.new_key();
    hand.revoke(&stranger.key).await;
    let entry = hand.entry(Action::KeyCreated, &stranger.key.tenant, Target::Key(stranger.key.id));
    hand.store.insert_first_key(&stranger, &entry).await.unwrap();
    let default = Tenant { id: new.key.tenant, name: None, created_at: hand.now(), retention_days: None };
    hand.store.insert_tenant(&default, &entry).await.unwrap();
    assert_eq!(hand.audit().await, records);
    assert_eq!(hand.store.last_seq().await, seq);
}
