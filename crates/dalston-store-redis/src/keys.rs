//! The steps on keys.

use crate::{
    RedisStore,
    change::{Change, Outcome},
    row::{KnownKey, Row, Standing},
    scripts::{self, CHANGES, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, TenantId, Timestamp};
use dalston_store::{
    ChangeKey, Claim, Found, Guard, InsertKey, KeyFigures, KeyLookup, KeyStore, NewKey, Objection, RevokeKey,
    RotateKey, Rotation, StoreError, StoreResult, UsedKey,
};

#[async_trait]
impl KeyLookup for RedisStore {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<Found>> {
        let text = digest.to_hex();
        let mut script = SCRIPTS.find_key.key(scripts::view(digest));
        script.key(CHANGES);
        let found: Option<(i64, Row, Option<u64>)> = self.link.call().look(script.arg(&text).arg(self.now())).await?;
        let Some((now, row, changed)) = found else { return Ok(None) };
        Ok(row.known_or_none().map(|known| Found {
            key: known.used.key,
            secret_expires_at: known.old.filter(|(old, _)| *old == text).map(|(_, until)| until),
            now: Timestamp::from_micros(now),
            changed,
        }))
    }

    /// The Python gateway writes keys too.
    fn records_all_changes(&self) -> bool {
        false
    }

    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<UsedKey>> {
        Ok(self.load(&self.link.call(), tenant, id).await?.map(|known| known.used))
    }
}

#[async_trait]
impl KeyStore for RedisStore {
    async fn insert_key(&self, new: &NewKey, claim: Option<&Claim>, entry: &AuditEntry) -> StoreResult<InsertKey> {
        match self.insert(new, claim, entry, false).await?.as_slice() {
            [word] if word == "inserted" => Ok(InsertKey::Inserted),
            [word] if word == "unknown_tenant" => Ok(InsertKey::UnknownTenant),
            answer => scripts::repeated(claim, answer).map(InsertKey::Repeated),
        }
    }

    async fn insert_first_key(&self, new: &NewKey, entry: &AuditEntry) -> StoreResult<bool> {
        Ok(self.insert(new, None, entry, true).await? == ["inserted"])
    }

    async fn has_keys(&self) -> StoreResult<bool> {
        // The Python gateway makes keys in the tenant `default` alone.
        let mut any = redis::cmd("EXISTS");
        any.arg(CHANGES).arg(scripts::members(&TenantId::default()));
        self.link.call().ask::<u32>(&any).await.map(|sets| sets > 0)
    }

    async fn keys(&self, tenant: &TenantId, request: &PageRequest, revoked: bool) -> StoreResult<Page<UsedKey>> {
        let call = self.link.call();
        let page = loop {
            let page = self.page(&call, tenant, request, revoked).await?;
            let late = |known: &&KnownKey| !revoked && known.standing == Standing::RevokedElsewhere;
            let mut settled = true;
            for known in page.items.iter().flatten().filter(late) {
                self.absorb(&call, known).await?;
                settled = false;
            }
            if settled {
                break page;
            }
        };
        Ok(Page { items: page.items.into_iter().flatten().map(|known| known.used).collect(), next: page.next })
    }

    async fn key_figures(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyFigures> {
        self.figures(&self.link.call(), tenant, at).await
    }

    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &Guard,
        entry: &AuditEntry,
    ) -> StoreResult<ChangeKey> {
        let change = Change { edit: &|key| patch.apply(key), guard, rotation: None, claim: None, entry };
        match self.change(&self.link.call(), tenant, id, &change).await? {
            Outcome::Changed(used, _) => Ok(ChangeKey::Changed(used)),
            Outcome::Unknown => Ok(ChangeKey::Unknown),
            Outcome::Refused(objection) => Ok(ChangeKey::Refused(objection)),
            Outcome::Overlapping(_) | Outcome::Repeated(_) => Err(no_rotation(id)),
        }
    }

    async fn rotate_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        rotation: &Rotation,
        guard: &Guard,
        claim: Option<&Claim>,
        entry: &AuditEntry,
    ) -> StoreResult<RotateKey> {
        let edit = |key| Key { prefix: rotation.prefix.clone(), ..key };
        let change = Change { edit: &edit, guard, rotation: Some(rotation), claim, entry };
        match self.change(&self.link.call(), tenant, id, &change).await? {
            Outcome::Changed(used, Some(previous_expires_at)) => Ok(RotateKey::Rotated { used, previous_expires_at }),
            Outcome::Changed(_, None) => Err(StoreError::corrupt("the answer of a script")),
            Outcome::Unknown => Ok(RotateKey::Unknown),
            Outcome::Refused(objection) => Ok(RotateKey::Refused(objection)),
            Outcome::Overlapping(until) => Ok(RotateKey::Overlapping(until)),
            Outcome::Repeated(repeated) => Ok(RotateKey::Repeated(repeated)),
        }
    }

    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &Guard,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKey> {
        let edit = |key: Key| Key { revoked_at: key.revoked_at.or(Some(guard.at)), ..key };
        let change = Change { edit: &edit, guard, rotation: None, claim: None, entry };
        let call = self.link.call();
        match self.change(&call, tenant, id, &change).await? {
            Outcome::Changed(..) => Ok(RevokeKey::Revoked),
            Outcome::Unknown => Ok(RevokeKey::Unknown),
            // Revoked is for ever, so whoever asks again finds the time.
            Outcome::Refused(Objection::Revoked) => {
                let known = self.load(&call, tenant, id).await?;
                let at = known.and_then(|known| known.used.key.revoked_at);
                Ok(at.map_or(RevokeKey::Unknown, RevokeKey::AlreadyRevoked))
            }
            Outcome::Refused(objection) => Ok(RevokeKey::Refused(objection)),
            Outcome::Overlapping(_) | Outcome::Repeated(_) => Err(no_rotation(id)),
        }
    }
}

/// The answer of a script to a change that is no rotation and has no claim, as though it were one.
fn no_rotation(id: KeyId) -> StoreError {
    StoreError::corrupt(format_args!("the answer of a script to a change of key {id}"))
}
