//! Test helpers for the rules: sample objects, and short forms of the store's operations.

use super::Fixture;
use crate::{
    ChangesResult, Checkpoint, FoundKey, IdempotencyKey, InsertKeyOutcome, KeyChange, KeyToInsert, KeyWithUse, Overlap,
    RevokeKeyOutcome, RotateKeyOutcome, Rotation, SharedKeyStorage, UpdateKeyOutcome, UpdatePrecondition,
};
use dalston_model::{
    Action, Actor, AuditEntry, AuditRecord, Clock, Day, Door, Entropy, Key, KeyAction, KeyDigest, KeyId, KeyPatch,
    KeyScopes, ManualClock, Metadata, NodeId, OsEntropy, PageLimit, PageRequest, RefusedRequests, ScopeSet, Source,
    Start, Target, Tenant, TenantId, Timestamp, UsageDelta, UsageStep,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// The store and its clock, for one task.
#[derive(Clone)]
pub struct StoreHandle {
    pub store: SharedKeyStorage,
    pub clock: Arc<ManualClock>,
}

/// A new random digest.
pub fn digest() -> KeyDigest {
    let mut bytes = [0; 32];
    OsEntropy.fill(&mut bytes).unwrap();
    KeyDigest::new(bytes)
}

/// The scopes of these names.
pub fn scopes(names: &[&str]) -> KeyScopes {
    KeyScopes::named(names.iter().copied()).unwrap()
}

/// The scope set of a caller with the built-in scopes of these names.
pub fn within(names: &[&str]) -> ScopeSet {
    scopes(names).built_in()
}

/// A request for a page of `items` items from `start` on.
pub fn page(items: u32, start: Start) -> PageRequest {
    PageRequest { limit: PageLimit::new(items).unwrap(), start }
}

/// Runs `step` `times` times concurrently, and returns the results in order of completion.
pub async fn at_once<T, F>(times: usize, step: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..times {
        tasks.spawn(step(number));
    }
    tasks.join_all().await
}

/// JSON that a store must not alter: empty arrays must not become objects, nor large integers floats.
pub fn metadata() -> Metadata {
    let object = json!({
        "": null, "list": [], "object": {}, "text": "'q\"uote\\ \u{1f389} \u{1} ${x}", "ключ": [true, 1, -1.5, 0.1],
        "most": u64::MAX, "least": i64::MIN, "beyond a double": 9_007_199_254_740_993_u64,
        "deep": [[[[[[[[[[[[[[[[{"a": [[]]}]]]]]]]]]]]]]]]],
    });
    Metadata::new(object.as_object().unwrap().clone()).unwrap()
}

impl StoreHandle {
    pub fn of(fixture: &Fixture) -> Self {
        Self { store: fixture.store.clone(), clock: fixture.clock.clone() }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn key_id(&self) -> KeyId {
        KeyId::new(self.now(), &OsEntropy).unwrap()
    }

    /// A key of `default` that is not in the store yet.
    pub fn new_key(&self) -> KeyToInsert {
        let key = Key {
            id: self.key_id(),
            tenant: TenantId::default(),
            prefix: "dk_0123456".to_owned(),
            name: "sample".parse().unwrap(),
            description: None,
            scopes: scopes(&["jobs:read", "jobs:write"]),
            rate_limit: None,
            enabled: true,
            created_at: self.now(),
            created_by: Some(Actor::Master),
            expires_at: None,
            revoked_at: None,
            metadata: Metadata::default(),
        };
        KeyToInsert { key, digest: digest() }
    }

    pub fn entry(&self, action: Action, tenant: &TenantId, target: Target) -> AuditEntry {
        let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
        AuditEntry { time: self.now(), tenant: tenant.clone(), source, action, target, detail: json!({}) }
    }

    /// Preconditions that always hold.
    pub fn guard(&self) -> UpdatePrecondition {
        UpdatePrecondition { at: self.now(), within: None, keep_admin: false }
    }

    /// A rotation to a new secret that keeps the old one valid for `length`. A running overlap forbids it.
    pub fn rotation(length: Duration) -> Rotation {
        let overlap = Overlap { length, end_running: false };
        Rotation { digest: digest(), prefix: "dk_rotated".to_owned(), overlap }
    }

    /// The same, but ends a running overlap.
    pub fn replacement(length: Duration) -> Rotation {
        Rotation { overlap: Overlap { length, end_running: true }, ..Self::rotation(length) }
    }

    /// Appends an audit record that changes no key.
    pub async fn note(&self) {
        let tenant = TenantId::default();
        let entry = self.entry(KeyAction::MASTER_USED, &tenant, Target::tenant(&tenant));
        self.store.record(&entry).await.unwrap();
    }

    /// An idempotency key that expires in an hour.
    pub fn claim(&self, key: &str) -> IdempotencyKey {
        IdempotencyKey {
            scope: "default/master/keys".to_owned(),
            key: key.to_owned(),
            fingerprint: [1; 32],
            expires_at: self.now().plus(Duration::from_hours(1)),
        }
    }

    /// One admitted request, now.
    pub fn delta(&self, key: KeyId) -> UsageDelta {
        let now = self.now();
        UsageDelta {
            key,
            day: Day::of(now),
            admitted: 1,
            refused: RefusedRequests::default(),
            last_used: Some((now, None)),
        }
    }

    /// The first usage step of a new node.
    pub fn step(&self) -> UsageStep {
        UsageStep { node: NodeId::new(self.now(), &OsEntropy).unwrap(), number: 1 }
    }

    /// Adds this usage, as a node that has just started.
    pub async fn count(&self, deltas: &[UsageDelta]) {
        let taken = self.store.add_usage(self.step(), deltas).await.unwrap();
        assert_eq!(usize::try_from(taken), Ok(deltas.len()));
    }

    pub async fn try_insert(&self, new: &KeyToInsert, claim: Option<&IdempotencyKey>) -> InsertKeyOutcome {
        let entry = self.entry(KeyAction::KEY_CREATED, &new.key.tenant, Target::key(new.key.id));
        self.store.insert_key(new, claim, &entry).await.unwrap()
    }

    pub async fn insert(&self, new: &KeyToInsert) {
        assert_eq!(self.try_insert(new, None).await, InsertKeyOutcome::Inserted);
    }

    /// Inserts a key of `default` and returns it.
    pub async fn key(&self) -> KeyToInsert {
        let new = self.new_key();
        self.insert(&new).await;
        new
    }

    /// Inserts a key of the tenant with these scopes and returns it.
    pub async fn key_of(&self, tenant: &TenantId, names: &[&str]) -> KeyToInsert {
        let mut new = self.new_key();
        new.key.tenant = tenant.clone();
        new.key.scopes = scopes(names);
        self.insert(&new).await;
        new
    }

    /// Inserts a tenant and returns its id.
    pub async fn tenant(&self, id: &str) -> TenantId {
        let id: TenantId = id.parse().unwrap();
        let tenant = Tenant { id: id.clone(), name: None, created_at: self.now() };
        let entry = self.entry(KeyAction::TENANT_CREATED, &id, Target::tenant(&id));
        assert!(self.store.insert_tenant(&tenant, &entry).await.unwrap());
        id
    }

    pub async fn find(&self, digest: &KeyDigest) -> FoundKey {
        self.store.find_key(digest).await.unwrap().unwrap()
    }

    /// Returns whether the secret belongs to a key and has not expired.
    pub async fn lives(&self, digest: &KeyDigest) -> bool {
        let found = self.store.find_key(digest).await.unwrap();
        found.is_some_and(|found| found.secret_expires_at.is_none_or(|end| end > found.now))
    }

    /// The present state of the key.
    pub async fn look(&self, key: &Key) -> KeyWithUse {
        self.store.key(&key.tenant, key.id).await.unwrap().unwrap()
    }

    pub async fn update(&self, key: &Key, patch: &KeyPatch, guard: &UpdatePrecondition) -> UpdateKeyOutcome {
        let entry = self.entry(KeyAction::KEY_UPDATED, &key.tenant, Target::key(key.id));
        self.store.update_key(&key.tenant, key.id, patch, guard, &entry).await.unwrap()
    }

    /// Rotates the key and returns its state after that.
    pub async fn rotate(&self, key: &Key, rotation: &Rotation) -> KeyWithUse {
        match self.try_rotate(key, rotation, &self.guard(), None).await {
            RotateKeyOutcome::Rotated { used, previous_expires_at } => {
                assert_eq!(previous_expires_at, self.now().plus(rotation.overlap.length));
                *used
            }
            other => panic!("not rotated: {other:?}"),
        }
    }

    pub async fn try_rotate(
        &self,
        key: &Key,
        rotation: &Rotation,
        guard: &UpdatePrecondition,
        claim: Option<&IdempotencyKey>,
    ) -> RotateKeyOutcome {
        let entry = self.entry(KeyAction::KEY_ROTATED, &key.tenant, Target::key(key.id));
        self.store.rotate_key(&key.tenant, key.id, rotation, guard, claim, &entry).await.unwrap()
    }

    pub async fn revoke(&self, key: &Key) -> RevokeKeyOutcome {
        self.try_revoke(key, &self.guard()).await
    }

    pub async fn try_revoke(&self, key: &Key, guard: &UpdatePrecondition) -> RevokeKeyOutcome {
        let entry = self.entry(KeyAction::KEY_REVOKED, &key.tenant, Target::key(key.id));
        self.store.revoke_key(&key.tenant, key.id, guard, &entry).await.unwrap()
    }

    /// The sequence number of the last change.
    pub async fn seq(&self) -> u64 {
        self.store.checkpoint().await.unwrap().seq
    }

    /// The changes after the checkpoint, and the checkpoint to continue from.
    pub async fn changes(&self, after: &Checkpoint, limit: u32) -> (Vec<KeyChange>, Checkpoint) {
        match self.store.key_changes(after, limit).await.unwrap() {
            ChangesResult::Changes { changes, checkpoint } => (changes, checkpoint),
            other @ ChangesResult::Diverged(_) => panic!("not the history that it was: {other:?}"),
        }
    }

    /// All audit records.
    pub async fn audit(&self) -> Vec<AuditRecord> {
        self.store.audit_after(0, 10_000).await.unwrap()
    }
}
