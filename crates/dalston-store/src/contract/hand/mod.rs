//! What the rules work with: samples, and the steps with the least said.

pub(in crate::contract) mod hooks;
pub(in crate::contract) mod rooms;
pub(in crate::contract) mod work;

use super::Fixture;
use crate::{
    ChangeKey, Claim, Found, Guard, Heard, InsertJob, InsertKey, KeyChange, Mark, NewKey, Overlap, RevokeKey,
    RotateKey, Rotation, SharedStore, UsedKey,
};
use dalston_model::{
    Action, Actor, Audio, AuditEntry, AuditRecord, Clock, Day, Door, Entropy, Job, JobId, JobOptions, JobStatus, Key,
    KeyDigest, KeyId, KeyPatch, KeyScopes, ManualClock, Metadata, NodeId, OsEntropy, PageLimit, PageRequest, Refused,
    ScopeSet, Source, Start, Target, Tenant, TenantId, Timestamp, UsageDelta, UsageStep,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// The store and its clock, in the hand of one task.
#[derive(Clone)]
pub(in crate::contract) struct Hand {
    pub(in crate::contract) store: SharedStore,
    pub(in crate::contract) clock: Arc<ManualClock>,
}

/// A new digest.
pub(in crate::contract) fn digest() -> KeyDigest {
    let mut bytes = [0; 32];
    OsEntropy.fill(&mut bytes).unwrap();
    KeyDigest::new(bytes)
}

/// The scopes of these names.
pub(in crate::contract) fn scopes(names: &[&str]) -> KeyScopes {
    KeyScopes::named(names.iter().copied()).unwrap()
}

/// What a caller with built-in scopes of these names may do.
pub(in crate::contract) fn within(names: &[&str]) -> ScopeSet {
    scopes(names).built_in()
}

/// The page of so many items from there on.
pub(in crate::contract) fn page(items: u32, start: Start) -> PageRequest {
    PageRequest { limit: PageLimit::new(items).unwrap(), start }
}

/// Does `step` so many times at once, and gives what came of it.
pub(in crate::contract) async fn at_once<T, F>(times: usize, step: impl Fn(usize) -> F) -> Vec<T>
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

/// JSON that a store may not bend: empty arrays are no objects, large integers no floats.
pub(in crate::contract) fn metadata() -> Metadata {
    let object = json!({
        "": null, "list": [], "object": {}, "text": "'q\"uote\\ \u{1f389} \u{1} ${x}", "ключ": [true, 1, -1.5, 0.1],
        "most": u64::MAX, "least": i64::MIN, "beyond a double": 9_007_199_254_740_993_u64,
        "deep": [[[[[[[[[[[[[[[[{"a": [[]]}]]]]]]]]]]]]]]]],
    });
    Metadata::new(object.as_object().unwrap().clone()).unwrap()
}

impl Hand {
    pub(in crate::contract) fn of(fixture: &Fixture) -> Self {
        Self { store: fixture.store.clone(), clock: fixture.clock.clone() }
    }

    pub(in crate::contract) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(in crate::contract) fn key_id(&self) -> KeyId {
        KeyId::new(self.now(), &OsEntropy).unwrap()
    }

    /// A key of `default` that is not in the store yet.
    pub(in crate::contract) fn new_key(&self) -> NewKey {
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
        NewKey { key, digest: digest() }
    }

    /// A pending job of `default` that is not in the store yet.
    pub(in crate::contract) fn new_job(&self) -> Job {
        Job {
            id: JobId::new(self.now(), &OsEntropy).unwrap(),
            tenant: TenantId::default(),
            status: JobStatus::Pending,
            filename: None,
            content_type: None,
            size_bytes: 1,
            audio: Audio { format: "wav".to_owned(), ..Audio::default() },
            model: None,
            language: None,
            options: JobOptions::default(),
            metadata: Metadata::default(),
            created_at: self.now(),
            created_by: None,
            started_at: None,
            completed_at: None,
            progress: None,
            error: None,
            result: None,
        }
    }

    pub(in crate::contract) fn entry(&self, action: Action, tenant: &TenantId, target: Target) -> AuditEntry {
        let source = Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None };
        AuditEntry { time: self.now(), tenant: tenant.clone(), source, action, target, detail: json!({}) }
    }

    /// A guard that objects to nothing.
    pub(in crate::contract) fn guard(&self) -> Guard {
        Guard { at: self.now(), within: None, keep_admin: false }
    }

    /// A new secret, the old one staying valid for `length`, unless an overlap runs already.
    pub(in crate::contract) fn rotation(length: Duration) -> Rotation {
        let overlap = Overlap { length, end_running: false };
        Rotation { digest: digest(), prefix: "dk_rotated".to_owned(), overlap }
    }

    /// The same, whether an overlap runs or not.
    pub(in crate::contract) fn replacement(length: Duration) -> Rotation {
        Rotation { overlap: Overlap { length, end_running: true }, ..Self::rotation(length) }
    }

    /// A claim for an hour.
    pub(in crate::contract) fn claim(&self, key: &str) -> Claim {
        Claim {
            scope: "default/master/keys".to_owned(),
            key: key.to_owned(),
            fingerprint: [1; 32],
            expires_at: self.now().plus(Duration::from_hours(1)),
        }
    }

    /// One admitted request, now.
    pub(in crate::contract) fn delta(&self, key: KeyId) -> UsageDelta {
        let now = self.now();
        UsageDelta { key, day: Day::of(now), admitted: 1, refused: Refused::default(), last_used: Some((now, None)) }
    }

    /// The first step of a counter of its own.
    pub(in crate::contract) fn step(&self) -> UsageStep {
        UsageStep { node: NodeId::new(self.now(), &OsEntropy).unwrap(), number: 1 }
    }

    /// Adds this usage, as a node does that just began.
    pub(in crate::contract) async fn count(&self, deltas: &[UsageDelta]) {
        let taken = self.store.add_usage(self.step(), deltas).await.unwrap();
        assert_eq!(usize::try_from(taken), Ok(deltas.len()));
    }

    pub(in crate::contract) async fn try_insert(&self, new: &NewKey, claim: Option<&Claim>) -> InsertKey {
        let entry = self.entry(Action::KeyCreated, &new.key.tenant, Target::Key(new.key.id));
        self.store.insert_key(new, claim, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn insert(&self, new: &NewKey) {
        assert_eq!(self.try_insert(new, None).await, InsertKey::Inserted);
    }

    /// A key of `default` in the store.
    pub(in crate::contract) async fn key(&self) -> NewKey {
        let new = self.new_key();
        self.insert(&new).await;
        new
    }

    /// A key of the tenant with these scopes, in the store.
    pub(in crate::contract) async fn key_of(&self, tenant: &TenantId, names: &[&str]) -> NewKey {
        let mut new = self.new_key();
        new.key.tenant = tenant.clone();
        new.key.scopes = scopes(names);
        self.insert(&new).await;
        new
    }

    /// A tenant in the store.
    pub(in crate::contract) async fn tenant(&self, id: &str) -> TenantId {
        let id: TenantId = id.parse().unwrap();
        let tenant = Tenant { id: id.clone(), name: None, created_at: self.now(), retention_days: None };
        let entry = self.entry(Action::TenantCreated, &id, Target::Tenant(id.clone()));
        assert!(self.store.insert_tenant(&tenant, &entry).await.unwrap());
        id
    }

    pub(in crate::contract) async fn try_insert_job(&self, job: &Job, claim: Option<&Claim>) -> InsertJob {
        let entry = self.entry(Action::JobCreated, &job.tenant, Target::Job(job.id));
        self.store.insert_job(job, claim, &entry).await.unwrap()
    }

    /// A job of `default` in the store.
    pub(in crate::contract) async fn job(&self, status: JobStatus) -> Job {
        let job = Job { status, ..self.new_job() };
        assert_eq!(self.try_insert_job(&job, None).await, InsertJob::Inserted);
        job
    }

    pub(in crate::contract) async fn find(&self, digest: &KeyDigest) -> Found {
        self.store.find_key(digest).await.unwrap().unwrap()
    }

    /// Whether the secret leads to its key and has not ended.
    pub(in crate::contract) async fn lives(&self, digest: &KeyDigest) -> bool {
        let found = self.store.find_key(digest).await.unwrap();
        found.is_some_and(|found| found.secret_expires_at.is_none_or(|end| end > found.now))
    }

    /// The key as it is now.
    pub(in crate::contract) async fn look(&self, key: &Key) -> UsedKey {
        self.store.key(&key.tenant, key.id).await.unwrap().unwrap()
    }

    pub(in crate::contract) async fn update(&self, key: &Key, patch: &KeyPatch, guard: &Guard) -> ChangeKey {
        let entry = self.entry(Action::KeyUpdated, &key.tenant, Target::Key(key.id));
        self.store.update_key(&key.tenant, key.id, patch, guard, &entry).await.unwrap()
    }

    /// Rotates and gives the key as it is then.
    pub(in crate::contract) async fn rotate(&self, key: &Key, rotation: &Rotation) -> UsedKey {
        match self.try_rotate(key, rotation, &self.guard(), None).await {
            RotateKey::Rotated { used, previous_expires_at } => {
                assert_eq!(previous_expires_at, self.now().plus(rotation.overlap.length));
                *used
            }
            other => panic!("not rotated: {other:?}"),
        }
    }

    pub(in crate::contract) async fn try_rotate(
        &self,
        key: &Key,
        rotation: &Rotation,
        guard: &Guard,
        claim: Option<&Claim>,
    ) -> RotateKey {
        let entry = self.entry(Action::KeyRotated, &key.tenant, Target::Key(key.id));
        self.store.rotate_key(&key.tenant, key.id, rotation, guard, claim, &entry).await.unwrap()
    }

    pub(in crate::contract) async fn revoke(&self, key: &Key) -> RevokeKey {
        self.try_revoke(key, &self.guard()).await
    }

    pub(in crate::contract) async fn try_revoke(&self, key: &Key, guard: &Guard) -> RevokeKey {
        let entry = self.entry(Action::KeyRevoked, &key.tenant, Target::Key(key.id));
        self.store.revoke_key(&key.tenant, key.id, guard, &entry).await.unwrap()
    }

    /// The number of the last change.
    pub(in crate::contract) async fn seq(&self) -> u64 {
        self.store.mark().await.unwrap().seq
    }

    /// What changed after the mark, and where to go on.
    pub(in crate::contract) async fn changes(&self, after: &Mark, limit: u32) -> (Vec<KeyChange>, Mark) {
        match self.store.key_changes(after, limit).await.unwrap() {
            Heard::Changes { changes, mark } => (changes, mark),
            other @ Heard::Diverged(_) => panic!("not the history that it was: {other:?}"),
        }
    }

    /// All records.
    pub(in crate::contract) async fn audit(&self) -> Vec<AuditRecord> {
        self.store.audit_after(0, 10_000).await.unwrap()
    }
}
