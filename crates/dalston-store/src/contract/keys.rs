//! Keys: insert, get, update, revoke.

use super::{
    Fixture,
    handle::{StoreHandle, digest, metadata, page, scopes},
};
use crate::{
    Checkpoint, InsertKeyOutcome, KeyToInsert, PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, UpdateKeyOutcome,
};
use dalston_model::{
    Actor, Key, KeyAction, KeyPatch, KeyScopes, Metadata, RateLimit, Scope, Start, Target, TenantId, Timestamp,
};
use std::time::Duration;

/// The last microsecond that RFC 3339 can represent.
const END: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// A key with all optional fields set.
fn full(handle: &StoreHandle) -> KeyToInsert {
    let mut new = handle.new_key();
    new.key = Key {
        prefix: "dk_Zz09-_'\"".to_owned(),
        name: "Ünï 'quo\"te' \\ 日本 🎉 %_; DROP TABLE keys; -- ${x} {{y}}".parse().unwrap(),
        description: Some("lines\n\tand 'quotes'\n\u{1f469}\u{1f3fd}".parse().unwrap()),
        scopes: KeyScopes::named(Scope::BUILT_IN.map(Scope::as_str)).unwrap(),
        rate_limit: Some(RateLimit::new(RateLimit::MAX).unwrap()),
        enabled: false,
        created_by: Some(Actor::Key(handle.key_id())),
        created_at: Timestamp::from_micros(1),
        expires_at: Some(END),
        metadata: metadata(),
        ..new.key
    };
    new
}

/// Asserts that the key is read back unchanged by every read operation.
async fn survives(handle: &StoreHandle, new: &KeyToInsert) {
    handle.insert(new).await;
    let used = handle.look(&new.key).await;
    assert_eq!((&used.key, used.last_used_at), (&new.key, None));
    assert_eq!(handle.find(&new.digest).await.key, new.key);
    let listed = handle.store.keys(&new.key.tenant, &page(100, Start::Newest), false).await.unwrap();
    assert!(listed.items.contains(&used), "not listed");
    let changes = handle.changes(&Checkpoint::START, 1_000).await.0;
    assert!(changes.iter().any(|change| change.key == new.key), "not in the feed");
}

pub async fn an_inserted_key_is_found_listed_and_revocable(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.new_key();
    assert_eq!(handle.try_insert(&new, None).await, InsertKeyOutcome::Inserted);
    let found = handle.find(&new.digest).await;
    assert_eq!((found.key, found.secret_expires_at, found.now), (new.key.clone(), None, handle.now()));
    let listed = handle.store.keys(&new.key.tenant, &page(10, Start::Newest), false).await.unwrap();
    assert_eq!((listed.items.len(), listed.next), (1, None));
    assert_eq!(handle.audit().await.len(), 1);
    assert!(handle.seq().await > 0);
    assert_eq!(handle.revoke(&new.key).await, RevokeKeyOutcome::Revoked);
}

pub async fn a_key_of_an_unknown_tenant_is_not_inserted(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut new = handle.new_key();
    new.key.tenant = "nobody".parse().unwrap();
    assert_eq!(handle.try_insert(&new, None).await, InsertKeyOutcome::UnknownTenant);
    assert_eq!(handle.store.find_key(&new.digest).await, Ok(None));
    assert_eq!(handle.store.key(&new.key.tenant, new.key.id).await, Ok(None));
    assert_eq!(handle.store.tenant(&new.key.tenant).await, Ok(None));
    assert_eq!(handle.seq().await, 0);
}

pub async fn an_unknown_key_is_not_there(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let key = handle.new_key().key;
    assert_eq!(handle.store.key(&key.tenant, key.id).await, Ok(None));
    assert_eq!(handle.revoke(&key).await, RevokeKeyOutcome::Unknown);
    assert_eq!(handle.update(&key, &KeyPatch::default(), &handle.guard()).await, UpdateKeyOutcome::Unknown);
    let rotation = StoreHandle::rotation(Duration::ZERO);
    assert_eq!(handle.try_rotate(&key, &rotation, &handle.guard(), None).await, RotateKeyOutcome::Unknown);
    assert_eq!(handle.store.find_key(&rotation.digest).await, Ok(None));
}

pub async fn every_field_of_a_key_survives(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    survives(&handle, &full(&handle)).await;
}

pub async fn a_key_with_nothing_optional_survives(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut new = handle.new_key();
    new.key.created_by = None;
    survives(&handle, &new).await;
}

pub async fn every_scope_and_creator_survives(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for scope in Scope::BUILT_IN {
        let mut new = handle.new_key();
        new.key.scopes = scopes(&[scope.as_str()]);
        survives(&handle, &new).await;
    }
    for creator in [Actor::Master, Actor::Operator, Actor::Gateway] {
        let mut new = handle.new_key();
        new.key.created_by = Some(creator);
        new.key.rate_limit = Some(RateLimit::new(1).unwrap());
        survives(&handle, &new).await;
    }
}

pub async fn a_scope_that_nobody_knows_survives(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let longest = ["a".repeat(32), "b".repeat(32), "c".repeat(32)].join(":");
    for names in [&["notes:read"][..], &["zoo", "jobs:read", "Odd.Name/*", "admin", &longest]] {
        let mut new = handle.new_key();
        new.key.scopes = scopes(names);
        survives(&handle, &new).await;
    }
    let many: Vec<String> = (0..200).map(|number| format!("gone:s{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["jobs:read"]).collect();
    let mut new = handle.new_key();
    new.key.scopes = scopes(&many);
    survives(&handle, &new).await;
}

pub async fn a_scope_that_nobody_knows_stays_through_every_change_but_its_own(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut new = full(&handle);
    new.key.scopes = scopes(&["jobs:read", "gone:read", "Gone"]);
    handle.insert(&new).await;
    let patches = [
        KeyPatch { name: Some("other".parse().unwrap()), ..KeyPatch::default() },
        KeyPatch { enabled: Some(true), rate_limit: Some(None), ..KeyPatch::default() },
        KeyPatch { metadata: Some(Metadata::default()), ..KeyPatch::default() },
    ];
    for patch in patches {
        handle.update(&new.key, &patch, &handle.guard()).await;
        assert_eq!(handle.look(&new.key).await.key.scopes, new.key.scopes, "{patch:?}");
    }
    let rotation = StoreHandle::rotation(Duration::from_hours(1));
    assert_eq!(handle.rotate(&new.key, &rotation).await.key.scopes, new.key.scopes);
    for digest in [&new.digest, &rotation.digest] {
        assert_eq!(handle.find(digest).await.key.scopes, new.key.scopes);
    }
    let narrower = KeyPatch { scopes: Some(scopes(&["jobs:read", "Gone"])), ..KeyPatch::default() };
    handle.update(&new.key, &narrower, &handle.guard()).await;
    assert_eq!(handle.find(&rotation.digest).await.key.scopes, scopes(&["jobs:read", "Gone"]));
    handle.revoke(&new.key).await;
    assert_eq!(handle.look(&new.key).await.key.scopes, scopes(&["jobs:read", "Gone"]));
}

pub async fn an_update_changes_what_it_names_and_nothing_else(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = full(&handle);
    handle.insert(&new).await;
    let patches = [
        KeyPatch { name: Some("other".parse().unwrap()), ..KeyPatch::default() },
        KeyPatch { description: Some(Some("other".parse().unwrap())), ..KeyPatch::default() },
        KeyPatch { scopes: Some(scopes(&["worker"])), ..KeyPatch::default() },
        KeyPatch { rate_limit: Some(Some(RateLimit::new(7).unwrap())), ..KeyPatch::default() },
        KeyPatch { enabled: Some(true), ..KeyPatch::default() },
        KeyPatch { expires_at: Some(Some(END.min(handle.now()))), ..KeyPatch::default() },
        KeyPatch { metadata: Some(Metadata::default()), ..KeyPatch::default() },
        KeyPatch::default(),
    ];
    let mut expected = new.key.clone();
    for patch in patches {
        expected = patch.apply(expected);
        match handle.update(&new.key, &patch, &handle.guard()).await {
            UpdateKeyOutcome::Changed(used) => assert_eq!(used.key, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(handle.look(&new.key).await.key, expected);
        assert_eq!(handle.find(&new.digest).await.key, expected);
    }
}

pub async fn an_update_clears_what_it_says_to_clear(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = full(&handle);
    handle.insert(&new).await;
    let patch =
        KeyPatch { description: Some(None), rate_limit: Some(None), expires_at: Some(None), ..KeyPatch::default() };
    handle.update(&new.key, &patch, &handle.guard()).await;
    let key = Key { description: None, rate_limit: None, expires_at: None, ..new.key.clone() };
    assert_eq!(handle.look(&new.key).await.key, key);
}

pub async fn metadata_survives_every_change_of_its_key(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = full(&handle);
    handle.insert(&new).await;
    handle.update(&new.key, &KeyPatch { enabled: Some(true), ..KeyPatch::default() }, &handle.guard()).await;
    handle.rotate(&new.key, &StoreHandle::rotation(Duration::from_mins(1))).await;
    handle.count(&[handle.delta(new.key.id)]).await;
    assert_eq!(handle.revoke(&new.key).await, RevokeKeyOutcome::Revoked);
    let key = handle.find(&new.digest).await.key;
    let (prefix, revoked_at) = ("dk_rotated".to_owned(), Some(handle.now()));
    assert_eq!(key, Key { enabled: true, prefix, revoked_at, ..new.key });
}

pub async fn a_revoked_key_is_not_updated(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    handle.revoke(&new.key).await;
    let before = handle.look(&new.key).await;
    let patch = KeyPatch { enabled: Some(true), name: Some("other".parse().unwrap()), ..KeyPatch::default() };
    let answer = handle.update(&new.key, &patch, &handle.guard()).await;
    assert_eq!(answer, UpdateKeyOutcome::Refused(PolicyViolation::Revoked));
    assert_eq!(handle.look(&new.key).await, before);
}

pub async fn a_revoked_key_stays_revoked(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let first = handle.now();
    assert_eq!(handle.revoke(&new.key).await, RevokeKeyOutcome::Revoked);
    let seq = handle.seq().await;
    handle.clock.advance(Duration::from_secs(5));
    assert_eq!(handle.revoke(&new.key).await, RevokeKeyOutcome::AlreadyRevoked(first));
    assert_eq!(handle.find(&new.digest).await.key.revoked_at, Some(first));
    assert_eq!(handle.look(&new.key).await.key, Key { revoked_at: Some(first), ..new.key });
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.audit().await.len(), 2, "one record of the key, one of its revocation");
}

pub async fn a_revocation_takes_all_secrets(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let new = handle.key().await;
    let rotation = StoreHandle::rotation(Duration::from_hours(1));
    handle.rotate(&new.key, &rotation).await;
    handle.revoke(&new.key).await;
    assert_eq!(handle.find(&rotation.digest).await.key.revoked_at, Some(handle.now()));
    let old = handle.store.find_key(&new.digest).await.unwrap();
    assert!(old.is_none_or(|found| found.key.revoked_at == Some(handle.now())));
}

async fn first(handle: &StoreHandle, new: &KeyToInsert) -> bool {
    let entry = handle.entry(KeyAction::KEY_CREATED, &new.key.tenant, Target::key(new.key.id));
    handle.store.insert_first_key(new, &entry).await.unwrap()
}

pub async fn the_first_key_is_inserted_only_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let (one, two) = (handle.new_key(), handle.new_key());
    assert_eq!(handle.store.has_keys().await, Ok(false));
    assert!(first(&handle, &one).await);
    assert_eq!(handle.store.has_keys().await, Ok(true));
    assert!(!first(&handle, &two).await);
    assert_eq!(handle.find(&one.digest).await.key, one.key);
    assert_eq!(handle.store.find_key(&two.digest).await, Ok(None));
    assert_eq!(handle.audit().await.len(), 1);
    handle.revoke(&one.key).await;
    assert!(!first(&handle, &two).await, "a revoked key is a key");
    assert_eq!(handle.store.has_keys().await, Ok(true));
}

pub async fn the_first_key_brings_its_tenant(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant: TenantId = "acme".parse().unwrap();
    let mut new = KeyToInsert { digest: digest(), ..handle.new_key() };
    new.key.tenant = tenant.clone();
    assert!(first(&handle, &new).await);
    assert_eq!(handle.store.tenant(&tenant).await.unwrap().map(|tenant| tenant.id), Some(tenant));
    assert_eq!(handle.look(&new.key).await.key, new.key);
}

pub async fn there_is_no_first_key_after_another(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = handle.tenant("acme").await;
    handle.key_of(&tenant, &["jobs:read"]).await;
    let new = handle.new_key();
    assert!(!first(&handle, &new).await);
    assert_eq!(handle.store.find_key(&new.digest).await, Ok(None));
}
