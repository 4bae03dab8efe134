//! Keys: insert, find by digest, get, list, update, rotate, revoke.

use crate::{AlreadyProcessed, IdempotencyKey, KeyStats, Overlap, StoreResult};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, Scope, ScopeSet, TenantId, Timestamp,
};

/// A new key with the digest of its first secret.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyToInsert {
    /// The key.
    pub key: Key,
    /// The digest of its secret.
    pub digest: KeyDigest,
}

/// The key that belongs to a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundKey {
    /// The present state of the key.
    pub key: Key,
    /// When this secret of the key expires. Set only on a secret that a rotation replaced: while the rotation overlaps.
    pub secret_expires_at: Option<Timestamp>,
    /// The store's time, which decides when the key and its secret expire.
    pub now: Timestamp,
    /// The sequence number of the key's last change. `None` if another program made the key: such a key has no number.
    pub changed: Option<u64>,
}

/// A key with the time of its last use.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyWithUse {
    /// The key.
    pub key: Key,
    /// The time at which the key was last admitted. May lag by up to one second.
    pub last_used_at: Option<Timestamp>,
}

/// The conditions under which a caller may change a key, checked in the transaction of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdatePrecondition {
    /// The time of the change.
    pub at: Timestamp,
    /// The caller's scopes: a caller may not change a key that has a scope beyond them. `None`: no such check.
    pub within: Option<ScopeSet>,
    /// Whether the tenant must keep at least one live admin key.
    pub keep_admin: bool,
}

/// Why a change of a key was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyViolation {
    /// The key is revoked.
    Revoked,
    /// The key has this scope, which the caller does not have.
    Wider(Scope),
    /// The key is the tenant's last live admin key.
    LastAdmin,
}

impl FoundKey {
    /// Returns a key with one secret, found at `now`, the time that decides about expiry. For a table without a change
    /// feed.
    pub const fn of(key: Key, now: Timestamp) -> Self {
        Self { key, secret_expires_at: None, now, changed: None }
    }
}

impl UpdatePrecondition {
    /// Returns why the change from `before` to `after` must be rejected, or `None` if it is allowed.
    ///
    /// `others` is whether the tenant has another live admin key. Engines call this inside their transaction.
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

/// The outcome of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertKeyOutcome {
    /// The key was inserted.
    Inserted,
    /// There is no such tenant.
    UnknownTenant,
    /// The idempotency key was used before; nothing was inserted.
    Repeated(AlreadyProcessed),
}

/// The outcome of an update.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateKeyOutcome {
    /// The key after the change.
    Changed(Box<KeyWithUse>),
    /// The tenant has no such key.
    Unknown,
    /// A precondition failed; nothing was changed.
    Refused(PolicyViolation),
}

/// The outcome of a rotation.
#[derive(Debug, Clone, PartialEq)]
pub enum RotateKeyOutcome {
    /// The key has the new secret.
    Rotated {
        /// The key after the change.
        used: Box<KeyWithUse>,
        /// When the previous secret expires, by the store's clock.
        previous_expires_at: Timestamp,
    },
    /// The tenant has no such key.
    Unknown,
    /// A precondition failed; nothing was changed.
    Refused(PolicyViolation),
    /// The overlap of an earlier rotation runs until this time; nothing was changed.
    Overlapping(Timestamp),
    /// The idempotency key was used before; nothing was changed.
    Repeated(AlreadyProcessed),
}

/// The outcome of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeKeyOutcome {
    /// The key was revoked by this call.
    Revoked,
    /// The key was revoked before, at this time, which stays.
    AlreadyRevoked(Timestamp),
    /// The tenant has no such key.
    Unknown,
    /// A precondition failed: the key is the tenant's last live admin key, or has a scope beyond the caller's.
    Refused(PolicyViolation),
}

/// A new secret for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The digest of the new secret.
    pub digest: KeyDigest,
    /// The first 10 characters of the new secret.
    pub prefix: String,
    /// How long the current secret stays valid. The overlap of an earlier rotation that is still running is either
    /// ended by this rotation or forbids it.
    pub overlap: Overlap,
}

/// The lookups that authentication needs. Sufficient for a table of keys that another program manages.
#[async_trait]
pub trait KeyLookup: Send + Sync {
    /// Returns the key that belongs to a digest, whatever its state. Writes nothing.
    ///
    /// An overlapping secret that has expired by the store's time may be reported as found or as missing. The caller
    /// decides by `secret_expires_at` and `now`.
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>>;

    /// Returns the key of this id in this tenant.
    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>>;

    /// Returns whether the change feed records every change of a key. That is not so if another program may change keys
    /// too. If it does not, a key is cached for the freshness bound at most. The default is `false`.
    fn records_all_changes(&self) -> bool {
        false
    }
}

/// The operations on keys.
#[async_trait]
pub trait KeyStore: KeyLookup {
    /// Inserts the key, its digest and its index entries in one atomic step: either the key works, is listed and can be
    /// revoked, or nothing was written.
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome>;

    /// Inserts the key, and its tenant, unless the store holds any key at all. Returns whether it did.
    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool>;

    /// Returns whether the store holds any key at all, keys of other programs included.
    async fn has_keys(&self) -> StoreResult<bool>;

    /// Returns a page of the tenant's keys. Revoked keys are included only if `revoked` is set.
    async fn keys(&self, tenant: &TenantId, page: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>>;

    /// Returns the tenant's key statistics at the time `at`.
    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats>;

    /// Changes the fields that the patch names, unless a precondition fails. Never changes `revoked_at`.
    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<UpdateKeyOutcome>;

    /// Gives the key a new current secret. Checks, in this order, that the idempotency key was not used before, that
    /// the preconditions hold, and that no overlap forbids the rotation ([`Overlap::conflict`]).
    async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        rotation: &Rotation,
        guard: &UpdatePrecondition,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<RotateKeyOutcome>;

    /// Revokes the key and all its secrets at `guard.at`, unless a precondition fails. Permanent: no other operation
    /// clears it.
    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKeyOutcome>;
}
