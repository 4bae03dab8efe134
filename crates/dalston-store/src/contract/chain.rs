//! The hash chain of audit records (LOG-03): each record is linked to the previous one, in the transaction that writes
//! it.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use crate::Checkpoint;
use dalston_model::{Actor, AuditEntry, AuditHash, AuditRecord, Door, KeyAction, KeyPatch, Source, Target, TenantId};
use serde_json::json;
use std::time::Duration;

/// Panics unless the records are numbered without a gap and linked without a break from the start.
fn verify(records: &[AuditRecord]) {
    let mut previous = AuditHash::START;
    for (number, record) in (1..).zip(records) {
        assert_eq!(record.seq, number);
        assert_eq!(record.hash, Some(record.link(previous)), "{record:?}");
        previous = record.link(previous);
    }
}

/// An audit entry that changes nothing in the store.
fn used(handle: &StoreHandle) -> AuditEntry {
    let tenant = TenantId::default();
    handle.entry(KeyAction::MASTER_USED, &tenant, Target::tenant(&tenant))
}

pub async fn every_change_is_linked_from_the_start(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = handle.tenant("acme").await;
    let first = handle.new_key();
    let entry = handle.entry(KeyAction::KEY_CREATED, &first.key.tenant, Target::key(first.key.id));
    assert_eq!(handle.store.insert_first_key(&first, &entry).await, Ok(true));
    let key = handle.key_of(&tenant, &["admin"]).await.key;
    handle.update(&key, &KeyPatch { enabled: Some(true), ..KeyPatch::default() }, &handle.guard()).await;
    handle.rotate(&key, &StoreHandle::rotation(Duration::from_mins(1))).await;
    handle.revoke(&key).await;
    handle.store.record(&used(&handle)).await.unwrap();
    let records = handle.audit().await;
    assert_eq!(records.len(), 7);
    verify(&records);
}

pub async fn a_record_without_a_change_is_numbered_and_linked(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(handle.store.record(&used(&handle)).await, Ok(1));
    let key = handle.key().await.key;
    assert_eq!(handle.store.record(&used(&handle)).await, Ok(3));
    assert_eq!(handle.seq().await, 3);
    let records = handle.audit().await;
    assert_eq!(records[2].action, "master.used");
    verify(&records);
    let changes = handle.changes(&Checkpoint::START, 10).await.0;
    assert_eq!(changes.len(), 1, "it is a change of no key");
    assert_eq!((changes[0].seq, changes[0].key.id), (2, key.id));
}

pub async fn parallel_changes_make_one_chain(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    at_once(8, |number| {
        let handle = handle.clone();
        async move {
            for turn in 0..10 {
                if number % 2 == 0 {
                    handle.key().await;
                    handle.tenant(&format!("t{number}-{turn}")).await;
                } else {
                    handle.store.record(&used(&handle)).await.unwrap();
                    let key = handle.key().await.key;
                    handle.revoke(&key).await;
                }
            }
        }
    })
    .await;
    let records = handle.audit().await;
    assert_eq!(records.len(), 200);
    verify(&records);
}

pub async fn a_record_read_back_has_the_digest_of_the_one_written(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let actors = [Actor::ChatAdmin(i64::MIN), Actor::ChatGuest(7), Actor::Key(handle.key_id()), Actor::Master];
    let details = [
        json!({}),
        json!({"z": 1, "a": {"y": [], "b": {}}, "": null, "ключ": "Ünï \u{0} \u{1} '\"\\ \u{1f389}"}),
        json!({"numbers": [u64::MAX, i64::MIN, 9_007_199_254_740_993_u64, 0, 1.0, -0.0, 1e23, 0.1, 1e300, 5e-324]}),
        json!({"floats": [31.245_270_191_439_438, 121.487_919_511_619_45, 0.300_000_000_000_000_04, 123_456_789.123_456_78, 2.225_073_858_507_201e-308, 1e22, 1e21]}),
    ];
    let mut digests = Vec::new();
    for (actor, detail) in actors.into_iter().zip(details) {
        let source = Source { actor, door: Door::Chat, address: None, request_id: None };
        let entry = AuditEntry { source, detail, ..used(&handle) };
        handle.store.record(&entry).await.unwrap();
        digests.push(AuditRecord::new(0, &entry).digest());
    }
    let records = handle.audit().await;
    assert_eq!(records.iter().map(AuditRecord::digest).collect::<Vec<_>>(), digests);
    verify(&records);
}
