//! The operations on keys, in memory.

use super::{KeyRow, MemoryEngine, MemoryState, SecretRow, sorted_page};
use crate::{
    FoundKey, IdempotencyKey, InsertKeyOutcome, KeyLookup, KeyStats, KeyStore, KeyToInsert, KeyWithUse,
    PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, Rotation, StoreResult, UpdateKeyOutcome, UpdatePrecondition,
};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Cursor, Key, KeyDigest, KeyId, KeyPatch, KeyState, Page, PageRequest, Tenant, TenantId, Timestamp,
    Usage,
};
use std::{collections::BTreeMap, time::Duration};

impl KeyRow {
    fn used(&self) -> KeyWithUse {
        KeyWithUse { key: self.key.clone(), last_used_at: self.usage.last_used_at }
    }
}

impl<W> MemoryState<W> {
    fn add(&mut self, new: &KeyToInsert, entry: &AuditEntry) {
        let id = new.key.id;
        self.secrets.insert(new.digest, SecretRow { key: id, expires_at: None });
        let row = KeyRow { key: new.key.clone(), seq: 0, usage: Usage::default(), days: BTreeMap::new() };
        self.keys.insert(id, row);
        let seq = self.record(entry);
        self.number(id, seq);
    }

    fn row(&self, tenant: &TenantId, id: KeyId) -> Option<&KeyRow> {
        self.keys.get(&id).filter(|row| row.key.tenant == *tenant)
    }

    fn others(&self, key: &Key, at: Timestamp) -> bool {
        let other = |row: &&KeyRow| row.key.tenant == key.tenant && row.key.id != key.id;
        self.keys.values().filter(other).any(|row| row.key.is_live_admin(at))
    }

    fn violation(&self, guard: &UpdatePrecondition, before: &Key, after: &Key) -> Option<PolicyViolation> {
        guard.violation(before, after, self.others(before, guard.at))
    }

    fn replace(&mut self, after: Key, entry: &AuditEntry) -> Option<Box<KeyWithUse>> {
        let id = after.id;
        if let Some(row) = self.keys.get_mut(&id) {
            row.key = after;
        }
        let seq = self.record(entry);
        self.number(id, seq);
        self.keys.get(&id).map(|row| Box::new(row.used()))
    }

    /// When the secret before the current one of the key expires, if there is one.
    fn overlapping_until(&self, id: KeyId) -> Option<Timestamp> {
        self.secrets.values().filter(|secret| secret.key == id).find_map(|secret| secret.expires_at)
    }
}

#[async_trait]
impl<W: Send> KeyLookup for MemoryEngine<W> {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        let now = self.clock.now();
        let state = self.state();
        let Some(secret) = state.secrets.get(digest) else { return Ok(None) };
        let found = |row: &KeyRow| FoundKey {
            key: row.key.clone(),
            secret_expires_at: secret.expires_at,
            now,
            changed: Some(row.seq),
        };
        Ok(state.keys.get(&secret.key).map(found))
    }

    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
        Ok(self.state().row(tenant, id).map(KeyRow::used))
    }

    fn records_all_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl<W: Send> KeyStore for MemoryEngine<W> {
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(repeated) = state.repeated(claim, now) {
            return Ok(InsertKeyOutcome::Repeated(repeated));
        }
        if !state.tenants.contains_key(&new.key.tenant) {
            return Ok(InsertKeyOutcome::UnknownTenant);
        }
        state.claim(claim, new.key.id.to_string());
        state.add(new, entry);
        Ok(InsertKeyOutcome::Inserted)
    }

    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = self.state();
        if !state.keys.is_empty() {
            return Ok(false);
        }
        let tenant = new.key.tenant.clone();
        let created_at = new.key.created_at;
        state.tenants.entry(tenant.clone()).or_insert(Tenant { id: tenant, name: None, created_at });
        state.add(new, entry);
        Ok(true)
    }

    async fn has_keys(&self) -> StoreResult<bool> {
        Ok(!self.state().keys.is_empty())
    }

    async fn keys(&self, tenant: &TenantId, request: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>> {
        let state = self.state();
        let shown = |row: &&KeyRow| row.key.tenant == *tenant && (revoked || row.key.revoked_at.is_none());
        let rows = state.keys.values().filter(shown).map(KeyRow::used).collect();
        Ok(sorted_page(rows, request, |used| Cursor { created_at: used.key.created_at, id: used.key.id.to_string() }))
    }

    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats> {
        let state = self.state();
        let idle = |since: Timestamp| KeyStats::IDLE < at.since(since);
        let mut figures = KeyStats::default();
        for row in state.keys.values().filter(|row| row.key.tenant == *tenant) {
            let (key, used) = (&row.key, row.usage.last_used_at);
            let active = key.state(at) == KeyState::Active;
            let enabled = key.revoked_at.is_none() && key.enabled;
            let within = |time: Duration| used.is_some_and(|used| at.since(used) <= time);
            figures.active += u64::from(active);
            figures.revoked += u64::from(key.revoked_at.is_some());
            figures.expiring += u64::from(active && key.expires_at.is_some_and(|end| end.since(at) <= KeyStats::SOON));
            figures.unused += u64::from(enabled && idle(key.created_at) && used.is_none_or(idle));
            figures.used_last_hour += u64::from(within(Duration::from_hours(1)));
            figures.used_last_day += u64::from(within(Duration::from_hours(24)));
        }
        Ok(figures)
    }

    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<UpdateKeyOutcome> {
        let mut state = self.state();
        let Some(row) = state.row(tenant, id) else { return Ok(UpdateKeyOutcome::Unknown) };
        let after = patch.apply(row.key.clone());
        if let Some(violation) = state.violation(guard, &row.key, &after) {
            return Ok(UpdateKeyOutcome::Refused(violation));
        }
        Ok(state.replace(after, entry).map_or(UpdateKeyOutcome::Unknown, UpdateKeyOutcome::Changed))
    }

    async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        rotation: &Rotation,
        guard: &UpdatePrecondition,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<RotateKeyOutcome> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(repeated) = state.repeated(claim, now) {
            return Ok(RotateKeyOutcome::Repeated(repeated));
        }
        let Some(row) = state.row(tenant, id) else { return Ok(RotateKeyOutcome::Unknown) };
        let after = Key { prefix: rotation.prefix.clone(), ..row.key.clone() };
        if let Some(violation) = state.violation(guard, &row.key, &after) {
            return Ok(RotateKeyOutcome::Refused(violation));
        }
        if let Some(until) = rotation.overlap.conflict(state.overlapping_until(id), now) {
            return Ok(RotateKeyOutcome::Overlapping(until));
        }
        let previous_expires_at = now.plus(rotation.overlap.length);
        state.secrets.retain(|_, secret| secret.key != id || secret.expires_at.is_none());
        for secret in state.secrets.values_mut().filter(|secret| secret.key == id) {
            secret.expires_at = Some(previous_expires_at);
        }
        state.secrets.insert(rotation.digest, SecretRow { key: id, expires_at: None });
        state.claim(claim, id.to_string());
        let used = state.replace(after, entry);
        Ok(used.map_or(RotateKeyOutcome::Unknown, |used| RotateKeyOutcome::Rotated { used, previous_expires_at }))
    }

    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKeyOutcome> {
        let mut state = self.state();
        let Some(row) = state.row(tenant, id) else { return Ok(RevokeKeyOutcome::Unknown) };
        if let Some(at) = row.key.revoked_at {
            return Ok(RevokeKeyOutcome::AlreadyRevoked(at));
        }
        let after = Key { revoked_at: Some(guard.at), ..row.key.clone() };
        if let Some(violation) = state.violation(guard, &row.key, &after) {
            return Ok(RevokeKeyOutcome::Refused(violation));
        }
        state.replace(after, entry);
        Ok(RevokeKeyOutcome::Revoked)
    }
}
