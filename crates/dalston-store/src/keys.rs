//! Keys: insert, find by digest, get, list, update, rotate, revoke.

use crate::{AlreadyProcessed, IdempotencyKey, KeyStats, Overlap, StoreResult};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, Scope, ScopeSet, TenantId, Timestamp,
};

/// A key with the digest of its first secret.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyToInsert {
    /// The key.
    pub key: Key,
    /// The digest.
    pub digest: KeyDigest,
}

/// What a digest leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundKey {
    /// The key, as it is now.
    pub key: Key,
    /// When this secret of it ends: set while a rotation overlaps.
    pub secret_expires_at: Option<Timestamp>,
    /// The store's time, which decides about ends.
    pub now: Timestamp,
    /// The number of the last change of the key; `None`: it has none, as another program made the key.
    pub changed: Option<u64>,
}

/// A key with when it was last used.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyWithUse {
    /// The key.
    pub key: Key,
    /// When it was last admitted, up to a second behind.
    pub last_used_at: Option<Timestamp>,
}

/// What must hold of a key for a caller to change it, checked in the transaction of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdatePrecondition {
    /// The time of the change.
    pub at: Timestamp,
    /// The caller's scopes: a key that goes beyond them is not theirs to change. `None` asks nothing.
    pub within: Option<ScopeSet>,
    /// Whether the tenant must keep a live admin key.
    pub keep_admin: bool,
}

/// Why a key was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyViolation {
    /// It was revoked.
    Revoked,
    /// It goes beyond the caller, by this scope.
    Wider(Scope),
    /// It is the tenant's last live admin key.
    LastAdmin,
}

impl FoundKey {
    /// A key with one secret, found at `now`, which decides about ends. For a table whose changes have no numbers.
    pub const fn of(key: Key, now: Timestamp) -> Self {
        Self { key, secret_expires_at: None, now, changed: None }
    }
}

impl UpdatePrecondition {
    /// What stands against turning `before` into `after`, when `others` tells whether the tenant has another live
    /// admin key. Engines call it inside their transaction.
    pub fn violation(&self, before: &Key, after: &Key, others: bool) -> Option<PolicyViolation> {
        if before.revoked_at.is_some() {
            return Some(PolicyViolation::Revoked);
        }
        if let Some(scope) = self.within.and_then(|caller| caller.first_beyond(&before.scopes)) {
            return Some(PolicyViolation::Wider(scope));
        }
        let loses = before.is_live_admin(self.at) && !after.is_live_admin(self.at);
        (self.keep_admin && loses && !others).then_some(PolicyViolation::LastAdmin)
    }
}

/// What came of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertKeyOutcome {
    /// The key is there.
    Inserted,
    /// There is no such tenant.
    UnknownTenant,
    /// The claim was made before; nothing was inserted.
    Repeated(AlreadyProcessed),
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateKeyOutcome {
    /// The key as it is now.
    Changed(Box<KeyWithUse>),
    /// No such key in the tenant.
    Unknown,
    /// The guard objected; nothing was changed.
    Refused(PolicyViolation),
}

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq)]
pub enum RotateKeyOutcome {
    /// The key has the new secret.
    Rotated {
        /// The key as it is now.
        used: Box<KeyWithUse>,
        /// When the secret before ends, by the store's clock.
        previous_expires_at: Timestamp,
    },
    /// No such key in the tenant.
    Unknown,
    /// The guard objected; nothing was changed.
    Refused(PolicyViolation),
    /// The overlap of an earlier rotation runs until then; nothing was changed.
    Overlapping(Timestamp),
    /// The claim was made before; nothing was changed.
    Repeated(AlreadyProcessed),
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeKeyOutcome {
    /// It is revoked now.
    Revoked,
    /// It was revoked before; the time stays.
    AlreadyRevoked(Timestamp),
    /// No such key in the tenant.
    Unknown,
    /// It is the tenant's last live admin key, or goes beyond the guard.
    Refused(PolicyViolation),
}

/// A new secret for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The digest of the new secret.
    pub digest: KeyDigest,
    /// Its first 10 characters.
    pub prefix: String,
    /// How long the current secret stays valid. One that was overlapping already ends at once, or forbids the rotation.
    pub overlap: Overlap,
}

/// What verifying keys takes: enough for keys in a table of one's own, which is managed elsewhere.
#[async_trait]
pub trait KeyLookup: Send + Sync {
    /// The key behind a digest, whatever its state. Writes nothing. An overlapping secret that has ended by the
    /// store's time may be reported as found or as gone; the caller decides by `secret_expires_at` and `now`.
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>>;

    /// The key of this id in this tenant.
    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>>;

    /// Whether the record tells of every change of a key: not where another program may change them too. Where it does not, which
    /// is so unless an engine says otherwise, a key is cached for a second at most.
    fn records_all_changes(&self) -> bool {
        false
    }
}

/// The steps on keys.
#[async_trait]
pub trait KeyStore: KeyLookup {
    /// Inserts the key, its digest and its indexes in one step: afterwards it works, is listed and can be revoked,
    /// or nothing is there.
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome>;

    /// Inserts the key, and its tenant, unless the store holds any key at all. Tells whether it did.
    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool>;

    /// Whether the store holds any key at all, also one of another program.
    async fn has_keys(&self) -> StoreResult<bool>;

    /// A page of the tenant's keys, without the revoked ones unless told.
    async fn keys(&self, tenant: &TenantId, page: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>>;

    /// The tenant's keys, counted at the time `at`.
    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats>;

    /// Changes the fields that the patch names, unless the guard objects. Never touches `revoked_at`.
    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<UpdateKeyOutcome>;

    /// Gives the key a new current secret, unless the claim was made before, the guard objects or an overlap forbids it
    /// ([`Overlap::conflict`]), in this order.
    async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        rotation: &Rotation,
        guard: &UpdatePrecondition,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<RotateKeyOutcome>;

    /// Revokes the key and all its secrets at `guard.at`, unless the guard objects. For ever: no other step clears it.
    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKeyOutcome>;
}
