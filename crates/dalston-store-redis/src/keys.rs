//! Storing and finding keys.

use crate::{
    RedisStore,
    change::{KeyUpdate, KeyUpdateOutcome},
    row::{KeyOrigin, KnownKey, StoredKey},
    scripts::{self, CHANGES, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{
    FoundKey, IdempotencyKey, InsertKeyOutcome, KeyLookup, KeyStats, KeyStore, KeyToInsert, KeyWithUse,
    PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, Rotation, StoreError, StoreResult, UpdateKeyOutcome,
    UpdatePrecondition,
};

#[async_trait]
impl KeyLookup for RedisStore {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        let text = digest.to_hex();
        let mut script = SCRIPTS.find_key.key(scripts::view(digest));
        script.key(CHANGES);
        let found: Option<(i64, StoredKey, Option<u64>)> =
            self.link.call().run_on_shared_connection(script.arg(&text).arg(self.now())).await?;
        let Some((now, row, changed)) = found else { return Ok(None) };
        Ok(row.known_or_none().map(|known| FoundKey {
            key: known.used.key,
            secret_expires_at: known.old.filter(|(old, _)| *old == text).map(|(_, until)| until),
            now: Timestamp::from_micros(now),
            changed,
        }))
    }

    /// Returns `false`, because the Python gateway writes keys too.
    fn records_all_changes(&self) -> bool {
        false
    }

    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
        Ok(self.load(&self.link.call(), tenant, id).await?.map(|known| known.used))
    }
}

#[async_trait]
impl KeyStore for RedisStore {
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome> {
        match self.insert(new, claim, entry, false).await?.as_slice() {
            [word] if word == "inserted" => Ok(InsertKeyOutcome::Inserted),
            [word] if word == "unknown_tenant" => Ok(InsertKeyOutcome::UnknownTenant),
            answer => scripts::repeated(claim, answer).map(InsertKeyOutcome::Repeated),
        }
    }

    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool> {
        Ok(self.insert(new, None, entry, true).await? == ["inserted"])
    }

    async fn has_keys(&self) -> StoreResult<bool> {
        // The Python gateway makes keys in the tenant `default` alone.
        let mut any = redis::cmd("EXISTS");
        any.arg(CHANGES).arg(scripts::members(&TenantId::default()));
        self.link.call().command::<u32>(&any).await.map(|sets| sets > 0)
    }

    async fn keys(&self, tenant: &TenantId, request: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>> {
        let call = self.link.call();
        let page = loop {
            let page = self.page(&call, tenant, request, revoked).await?;
            let late = |known: &&KnownKey| !revoked && known.origin == KeyOrigin::RevokedByLegacy;
            let mut settled = true;
            for known in page.items.iter().flatten().filter(late) {
                self.sync_legacy_revocation(&call, known).await?;
                settled = false;
            }
            if settled {
                break page;
            }
        };
        Ok(Page { items: page.items.into_iter().flatten().map(|known| known.used).collect(), next: page.next })
    }

    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats> {
        self.figures(&self.link.call(), tenant, at).await
    }

    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<UpdateKeyOutcome> {
        let change = KeyUpdate { edit: &|key| patch.apply(key), guard, rotation: None, claim: None, entry };
        match self.change(&self.link.call(), tenant, id, &change).await? {
            KeyUpdateOutcome::Changed(used, _) => Ok(UpdateKeyOutcome::Changed(used)),
            KeyUpdateOutcome::Unknown => Ok(UpdateKeyOutcome::Unknown),
            KeyUpdateOutcome::Refused(violation) => Ok(UpdateKeyOutcome::Refused(violation)),
            KeyUpdateOutcome::Overlapping(_) | KeyUpdateOutcome::Repeated(_) => Err(no_rotation(id)),
        }
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
        let edit = |key| Key { prefix: rotation.prefix.clone(), ..key };
        let change = KeyUpdate { edit: &edit, guard, rotation: Some(rotation), claim, entry };
        match self.change(&self.link.call(), tenant, id, &change).await? {
            KeyUpdateOutcome::Changed(used, Some(previous_expires_at)) => {
                Ok(RotateKeyOutcome::Rotated { used, previous_expires_at })
            }
            KeyUpdateOutcome::Changed(_, None) => Err(StoreError::corrupt("the answer of a script")),
            KeyUpdateOutcome::Unknown => Ok(RotateKeyOutcome::Unknown),
            KeyUpdateOutcome::Refused(violation) => Ok(RotateKeyOutcome::Refused(violation)),
            KeyUpdateOutcome::Overlapping(until) => Ok(RotateKeyOutcome::Overlapping(until)),
            KeyUpdateOutcome::Repeated(repeated) => Ok(RotateKeyOutcome::Repeated(repeated)),
        }
    }

    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKeyOutcome> {
        let edit = |key: Key| Key { revoked_at: key.revoked_at.or(Some(guard.at)), ..key };
        let change = KeyUpdate { edit: &edit, guard, rotation: None, claim: None, entry };
        let call = self.link.call();
        match self.change(&call, tenant, id, &change).await? {
            KeyUpdateOutcome::Changed(..) => Ok(RevokeKeyOutcome::Revoked),
            KeyUpdateOutcome::Unknown => Ok(RevokeKeyOutcome::Unknown),
            // A revocation is final, so a second read finds its time.
            KeyUpdateOutcome::Refused(PolicyViolation::Revoked) => {
                let known = self.load(&call, tenant, id).await?;
                let at = known.and_then(|known| known.used.key.revoked_at);
                Ok(at.map_or(RevokeKeyOutcome::Unknown, RevokeKeyOutcome::AlreadyRevoked))
            }
            KeyUpdateOutcome::Refused(violation) => Ok(RevokeKeyOutcome::Refused(violation)),
            KeyUpdateOutcome::Overlapping(_) | KeyUpdateOutcome::Repeated(_) => Err(no_rotation(id)),
        }
    }
}

/// The error if a script replies to another change as to a rotation or to an idempotent request.
fn no_rotation(id: KeyId) -> StoreError {
    StoreError::corrupt(format_args!("the answer of a script to a change of key {id}"))
}
