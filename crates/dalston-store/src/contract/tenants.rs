//! Tenants: insert, get, list, and the isolation between them.

use super::{
    Fixture,
    handle::{StoreHandle, page},
};
use crate::{RevokeKeyOutcome, RotateKeyOutcome, UpdateKeyOutcome};
use dalston_model::{Cursor, Day, Key, KeyAction, KeyPatch, Start, Target, Tenant, TenantId};
use std::time::Duration;

pub async fn the_default_tenant_is_there_from_the_start(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = handle.store.tenant(&TenantId::default()).await.unwrap().unwrap();
    assert_eq!(tenant.id, TenantId::default());
    let all = handle.store.tenants(&page(10, Start::Newest)).await.unwrap();
    assert_eq!((all.items, all.next), (vec![tenant], None));
    assert_eq!(handle.store.tenant(&"nobody".parse().unwrap()).await, Ok(None));
}

pub async fn a_tenant_is_inserted_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let name = Some("Ünï 'quo\"te' 🎉".parse().unwrap());
    let tenant = Tenant { id: format!("0-_{}", "x".repeat(60)).parse().unwrap(), name, created_at: handle.now() };
    let entry = handle.entry(KeyAction::TENANT_CREATED, &tenant.id, Target::tenant(&tenant.id));
    assert_eq!(handle.store.insert_tenant(&tenant, &entry).await, Ok(true));
    let other = Tenant { name: None, created_at: handle.now().plus(Duration::from_secs(1)), ..tenant.clone() };
    assert_eq!(handle.store.insert_tenant(&other, &entry).await, Ok(false));
    assert_eq!(handle.store.tenant(&tenant.id).await.unwrap(), Some(tenant));
    let default = Tenant { id: TenantId::default(), ..other };
    assert_eq!(handle.store.insert_tenant(&default, &entry).await, Ok(false));
    assert_eq!(handle.audit().await.len(), 1);
}

pub async fn tenants_are_listed_in_pages(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for id in ["b", "a", "c-1", "c_1", "9"] {
        handle.tenant(id).await;
    }
    let (mut walked, mut start) = (Vec::new(), Start::Newest);
    loop {
        let part = handle.store.tenants(&page(2, start)).await.unwrap();
        walked.extend(part.items);
        assert!(walked.len() <= 6, "a tenant twice");
        match part.next {
            Some(cursor) => start = Start::After(cursor),
            None => break,
        }
    }
    let order = |tenant: &Tenant| (tenant.created_at, tenant.id.to_string());
    assert_eq!(walked.len(), 6);
    assert!(walked.is_sorted_by(|newer, older| order(newer) > order(older)), "{walked:?}");
    let behind = Cursor { created_at: walked[3].created_at, id: walked[3].id.to_string() };
    let rest = handle.store.tenants(&page(100, Start::After(behind))).await.unwrap();
    assert_eq!(rest.items, walked[4..]);
    let rest = handle.store.tenants(&page(100, Start::Offset(4))).await.unwrap();
    assert_eq!(rest.items, walked[4..]);
}

pub async fn tenants_are_counted(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(handle.store.tenant_count().await, Ok(1));
    for id in ["b", "a"] {
        handle.tenant(id).await;
    }
    let again = Tenant { id: "a".parse().unwrap(), name: None, created_at: handle.now() };
    let entry = handle.entry(KeyAction::TENANT_CREATED, &again.id, Target::tenant(&again.id));
    assert_eq!(handle.store.insert_tenant(&again, &entry).await, Ok(false));
    assert_eq!(handle.store.tenant_count().await, Ok(3));
}

pub async fn another_tenants_key_is_unknown_to_every_step(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let ours = handle.key().await;
    handle.count(&[handle.delta(ours.key.id)]).await;
    let theirs = Key { tenant: acme.clone(), ..ours.key.clone() };
    let seq = handle.seq().await;
    let rotation = StoreHandle::rotation(Duration::ZERO);
    let patch = KeyPatch { enabled: Some(false), ..KeyPatch::default() };
    assert_eq!(handle.store.key(&acme, ours.key.id).await, Ok(None));
    assert_eq!(handle.store.usage(&acme, ours.key.id, Day::from_number(0)).await, Ok(None));
    assert_eq!(handle.update(&theirs, &patch, &handle.guard()).await, UpdateKeyOutcome::Unknown);
    assert_eq!(handle.try_rotate(&theirs, &rotation, &handle.guard(), None).await, RotateKeyOutcome::Unknown);
    assert_eq!(handle.revoke(&theirs).await, RevokeKeyOutcome::Unknown);
    assert_eq!(handle.look(&ours.key).await.key, ours.key);
    assert!(handle.lives(&ours.digest).await);
    assert_eq!(handle.seq().await, seq);
}

pub async fn lists_show_their_own_tenant(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    // One name is a prefix of the other: an engine that concatenates names into keys without a separator would mix
    // them.
    let (acme, longer) = (handle.tenant("acme").await, handle.tenant("acme-2").await);
    handle.key().await;
    let key = handle.key_of(&longer, &["admin"]).await;
    let all = page(100, Start::Newest);
    assert!(handle.store.keys(&acme, &all, true).await.unwrap().items.is_empty());
    let keys = handle.store.keys(&longer, &all, true).await.unwrap().items;
    assert_eq!(keys.into_iter().map(|used| used.key).collect::<Vec<_>>(), [key.key]);
}
