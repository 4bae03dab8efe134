//! The use cases on API keys: create, list, get, update, rotate, revoke, and usage.

use crate::{AuthError, CachedKey, Gate, IdempotentRequest, Permit, PlainKey, RejectionReason, rights};
use dalston_model::{
    Day, Description, Key, KeyAction, KeyId, KeyPatch, KeyScopes, KeyState, KnownScopes, Metadata, Name, Page,
    PageRequest, RateLimit, Scope, ScopeSet, SharedEntropy, Target, TenantId, Timestamp, Usage,
};
use dalston_store::{
    AlreadyProcessed, InsertKeyOutcome, KeyToInsert, KeyWithUse, Overlap, PolicyViolation, RevokeKeyOutcome,
    RotateKeyOutcome, Rotation, SharedKeyStorage, UpdateKeyOutcome, UpdatePrecondition,
};
use serde_json::json;
use std::{borrow::Cow, sync::Arc, time::Duration};

const NOUN: &str = "API key";
/// The maximum lifetime of a key with an expiry: ten years.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);
/// The number of days that the usage covers, today included.
const DAYS_SHOWN: i32 = 30;

/// When a new key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExpiry {
    /// Never.
    Never,
    /// At this time.
    At(Timestamp),
    /// This long after its creation.
    In(Duration),
}

/// The key to create.
#[derive(Debug, Clone, PartialEq)]
pub struct NewKey {
    /// The display name.
    pub name: Name,
    /// The description: what the key is for.
    pub description: Option<Description>,
    /// The scopes that the key grants.
    pub scopes: KeyScopes,
    /// The rate limit in requests per minute; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
    /// When the key expires.
    pub ends: KeyExpiry,
    /// The client's own JSON object. It must not contain a key or a ticket.
    pub metadata: Metadata,
    /// The tenant of the key; `None` for the tenant of the caller. Any other tenant requires `platform`.
    pub tenant: Option<TenantId>,
}

impl NewKey {
    /// Creates the parameters of a key in the caller's tenant, without a rate limit and without an expiry.
    pub fn named(name: Name, scopes: KeyScopes) -> Self {
        let (description, rate_limit, tenant) = (None, None, None);
        Self { name, description, scopes, rate_limit, ends: KeyExpiry::Never, metadata: Metadata::default(), tenant }
    }
}

/// A new key with its secret. The secret is not stored, so this is the only time it is available.
#[derive(Debug)]
pub struct MintedKey {
    /// The key.
    pub key: KeyWithUse,
    /// The secret.
    pub secret: PlainKey,
}

/// A rotated key with its new secret. The secret is not stored, so this is the only time it is available.
#[derive(Debug)]
pub struct RotatedKey {
    /// The key.
    pub key: KeyWithUse,
    /// The new secret.
    pub secret: PlainKey,
    /// When the previous secret expires.
    pub previous_expires_at: Timestamp,
}

/// The use cases on API keys.
pub struct Keys {
    store: SharedKeyStorage,
    gate: Arc<Gate>,
    entropy: SharedEntropy,
}

impl Keys {
    /// Creates the use cases on the keys of `store`. `gate` authenticates these keys, and is notified of each change.
    pub const fn new(store: SharedKeyStorage, gate: Arc<Gate>, entropy: SharedEntropy) -> Self {
        Self { store, gate, entropy }
    }

    /// Returns the scopes that the deployment knows.
    pub fn scopes(&self) -> &KnownScopes {
        self.gate.scopes()
    }

    /// Fails if the deployment does not know one of the scopes. The error lists the known scopes.
    pub fn check_scopes(&self, scopes: &KeyScopes) -> Result<(), AuthError> {
        self.scopes().check(scopes).map_err(|error| AuthError::invalid("scopes", error.to_string()))
    }

    /// Fails if the deployment does not know one of the scopes, or if the caller does not hold it: a caller cannot
    /// grant a scope that it does not have.
    fn grantable(&self, permit: &Permit<rights::Admin>, scopes: &KeyScopes) -> Result<(), AuthError> {
        self.check_scopes(scopes)?;
        let beyond = permit.scopes().first_beyond(scopes);
        beyond.map_or(Ok(()), |scope| Err(RejectionReason::InsufficientScope(scope).into()))
    }

    /// Creates a key, whose scopes must not exceed the caller's.
    ///
    /// With `repeat`, a retry of the same request does not create a second key. It fails with [`AuthError::Conflict`],
    /// since the secret is not stored.
    pub async fn create(
        &self,
        permit: &Permit<rights::Admin>,
        ask: NewKey,
        repeat: Option<&IdempotentRequest>,
    ) -> Result<MintedKey, AuthError> {
        let now = self.gate.now();
        let tenant = tenant_of(permit, ask.tenant.clone())?;
        self.grantable(permit, &ask.scopes)?;
        self.gate.check_metadata(&ask.metadata)?;
        self.gate.claim_pepper(&*self.store).await?;
        let (new, secret) = self.mint(permit, &tenant, ask, now)?;
        let claim = repeat.map(|repeat| repeat.claim(permit, "keys.create", now));
        let detail = json!({"name": new.key.name, "scopes": new.key.scopes, "rate_limit": new.key.rate_limit});
        let mut entry = permit.entry(now, KeyAction::KEY_CREATED, Target::key(new.key.id), detail);
        entry.tenant = tenant;
        let inserted = self.store.insert_key(&new, claim.as_ref(), &entry).await;
        // Also after an error: an outage does not tell whether the key was inserted.
        self.gate.changed(new.key.id);
        match inserted? {
            InsertKeyOutcome::Inserted => {
                Ok(MintedKey { key: KeyWithUse { key: new.key, last_used_at: None }, secret })
            }
            InsertKeyOutcome::UnknownTenant => Err(AuthError::NotFound("Tenant")),
            InsertKeyOutcome::Repeated(repeated) => Err(made_before(&repeated)),
        }
    }

    /// Creates the first admin key of the tenant `default`, unless the store already holds a key. Returns `None` if it
    /// does.
    ///
    /// `minted` receives the secret before the key is inserted, so that a crash cannot leave a key whose secret nobody
    /// has. If `minted` fails, no key is created, and its error is returned.
    pub async fn create_first<E: From<AuthError>>(
        &self,
        permit: &Permit<rights::Admin>,
        minted: impl FnOnce(&PlainKey) -> Result<(), E>,
    ) -> Result<Option<MintedKey>, E> {
        let now = self.gate.now();
        let name = "Admin".parse().map_err(|_| AuthError::Internal)?;
        let ask = NewKey::named(name, KeyScopes::ADMIN);
        self.gate.claim_pepper(&*self.store).await.map_err(AuthError::from)?;
        let (new, secret) = self.mint(permit, &TenantId::default(), ask, now)?;
        minted(&secret)?;
        let detail = json!({"name": new.key.name, "scopes": new.key.scopes, "first": true});
        let entry = permit.entry(now, KeyAction::KEY_CREATED, Target::key(new.key.id), detail);
        let inserted = self.store.insert_first_key(&new, &entry).await.map_err(AuthError::from)?;
        Ok(inserted.then_some(MintedKey { key: KeyWithUse { key: new.key, last_used_at: None }, secret }))
    }

    fn mint(
        &self,
        permit: &Permit<rights::Admin>,
        tenant: &TenantId,
        ask: NewKey,
        now: Timestamp,
    ) -> Result<(KeyToInsert, PlainKey), AuthError> {
        let expires_at = match ask.ends {
            KeyExpiry::Never => None,
            KeyExpiry::At(at) => Some(future(at, now)?),
            KeyExpiry::In(duration) => Some(future(now.plus(duration), now)?),
        };
        let secret = self.gate.format().mint(&*self.entropy)?;
        let key = Key {
            id: KeyId::new(now, &*self.entropy)?,
            tenant: tenant.clone(),
            prefix: secret.prefix().to_owned(),
            name: ask.name,
            description: ask.description,
            scopes: ask.scopes,
            rate_limit: ask.rate_limit,
            enabled: true,
            created_at: now,
            created_by: Some(permit.actor()),
            expires_at,
            revoked_at: None,
            metadata: ask.metadata,
        };
        Ok((KeyToInsert { digest: self.gate.digester().digest(&secret), key }, secret))
    }

    /// Returns a page of the keys of the caller's tenant. Revoked keys are included only if `revoked` is set.
    pub async fn list(
        &self,
        permit: &Permit<rights::Admin>,
        page: &PageRequest,
        revoked: bool,
    ) -> Result<Page<KeyWithUse>, AuthError> {
        Ok(self.store.keys(permit.tenant(), page, revoked).await?)
    }

    /// Returns the key with this id in the caller's tenant.
    pub async fn get(&self, permit: &Permit<rights::Admin>, id: KeyId) -> Result<KeyWithUse, AuthError> {
        self.store.key(permit.tenant(), id).await?.ok_or(AuthError::NotFound(NOUN))
    }

    /// Returns the caller's own key, from the key's own tenant.
    ///
    /// Fails with [`RejectionReason::InvalidCredential`] if the store says that the key is not active. Another node may
    /// have revoked it since this node last read the change feed.
    pub async fn own(&self, cached_key: &CachedKey) -> Result<KeyWithUse, AuthError> {
        let found = self.store.key(&cached_key.tenant, cached_key.id).await?;
        let live = found.filter(|used| used.key.state(self.gate.now()) == KeyState::Active);
        live.ok_or(AuthError::Refused(RejectionReason::InvalidCredential))
    }

    /// Changes fields of a key.
    ///
    /// Neither the present scopes nor the new ones may exceed the caller's. The caller's own key must remain an enabled
    /// admin key without a new expiry. The tenant must keep a live admin key, unless the caller holds `platform`.
    pub async fn update(
        &self,
        permit: &Permit<rights::Admin>,
        id: KeyId,
        patch: &KeyPatch,
    ) -> Result<KeyWithUse, AuthError> {
        let now = self.gate.now();
        if patch.fields().is_empty() {
            return Err(AuthError::invalid("body", "must change at least one field"));
        }
        if let Some(scopes) = &patch.scopes {
            self.grantable(permit, scopes)?;
        }
        if let Some(Some(at)) = patch.expires_at {
            future(at, now)?;
        }
        if let Some(metadata) = &patch.metadata {
            self.gate.check_metadata(metadata)?;
        }
        let weakens = patch.enabled == Some(false)
            || patch.scopes.as_ref().is_some_and(|scopes| !scopes.manages())
            || matches!(patch.expires_at, Some(Some(_)));
        if weakens && permit.actor().key() == Some(id) {
            return Err(own_key());
        }
        let entry = permit.entry(now, KeyAction::KEY_UPDATED, Target::key(id), changes(patch));
        let outcome = self.store.update_key(permit.tenant(), id, patch, &guard(permit, now), &entry).await;
        self.gate.changed(id);
        let used = changed(outcome?)?;
        self.gate.key_changed(&used.key);
        Ok(used)
    }

    /// Replaces the secret of a key.
    ///
    /// The previous secret remains valid for the length of `overlap`, at most a week. While the overlap of an earlier
    /// rotation lasts, the rotation fails with [`AuthError::Conflict`], unless `overlap` ends the earlier one. With
    /// `repeat`, a retry of the same request fails with [`AuthError::Conflict`], since the secret is not stored.
    pub async fn rotate(
        &self,
        permit: &Permit<rights::Admin>,
        id: KeyId,
        overlap: Overlap,
        repeat: Option<&IdempotentRequest>,
    ) -> Result<RotatedKey, AuthError> {
        let now = self.gate.now();
        self.gate.claim_pepper(&*self.store).await?;
        let secret = self.gate.format().mint(&*self.entropy)?;
        let rotation =
            Rotation { digest: self.gate.digester().digest(&secret), prefix: secret.prefix().to_owned(), overlap };
        let claim = repeat.map(|repeat| repeat.claim(permit, "keys.rotate", now));
        let detail = json!({"overlap_seconds": overlap.length.as_secs(), "end_overlap": overlap.end_running});
        let entry = permit.entry(now, KeyAction::KEY_ROTATED, Target::key(id), detail);
        let (tenant, guard) = (permit.tenant(), guard(permit, now));
        let outcome = self.store.rotate_key(tenant, id, &rotation, &guard, claim.as_ref(), &entry).await;
        self.gate.changed(id);
        match outcome? {
            RotateKeyOutcome::Rotated { used, previous_expires_at } => {
                Ok(RotatedKey { key: *used, secret, previous_expires_at })
            }
            RotateKeyOutcome::Unknown => Err(AuthError::NotFound(NOUN)),
            RotateKeyOutcome::Refused(violation) => Err(refused(violation)),
            RotateKeyOutcome::Overlapping(until) => Err(AuthError::overlapping(until)),
            RotateKeyOutcome::Repeated(repeated) => Err(made_before(&repeated)),
        }
    }

    /// Revokes the key permanently. To revoke a revoked key again succeeds.
    ///
    /// A caller cannot revoke its own key. It cannot revoke the tenant's last live admin key either, unless it holds
    /// `platform`. To revoke a key removes rights and grants none, so an admin of a tenant may also revoke keys with
    /// scopes that `admin` does not include. It cannot revoke keys with `platform`.
    pub async fn revoke(&self, permit: &Permit<rights::Admin>, id: KeyId) -> Result<(), AuthError> {
        let now = self.gate.now();
        if permit.actor().key() == Some(id) {
            return Err(own_key());
        }
        let below_platform = Scope::BUILT_IN.into_iter().filter(|scope| *scope != Scope::Platform);
        let revocable = below_platform.fold(permit.scopes(), ScopeSet::with);
        let guard = UpdatePrecondition { within: Some(revocable), ..guard(permit, now) };
        let entry = permit.entry(now, KeyAction::KEY_REVOKED, Target::key(id), json!({}));
        let outcome = self.store.revoke_key(permit.tenant(), id, &guard, &entry).await;
        self.gate.changed(id);
        match outcome? {
            RevokeKeyOutcome::Revoked | RevokeKeyOutcome::AlreadyRevoked(_) => {
                self.gate.key_revoked(permit.tenant(), id);
                Ok(())
            }
            RevokeKeyOutcome::Unknown => Err(AuthError::NotFound(NOUN)),
            RevokeKeyOutcome::Refused(violation) => Err(refused(violation)),
        }
    }

    /// Returns the usage of the key in the last 30 days, today included. First writes the usage of the key that this
    /// node has counted.
    pub async fn usage(&self, permit: &Permit<rights::Admin>, id: KeyId) -> Result<Usage, AuthError> {
        self.gate.flush_usage_of(id).await?;
        let since = Day::of(self.gate.now()).back(DAYS_SHOWN - 1);
        self.store.usage(permit.tenant(), id, since).await?.ok_or(AuthError::NotFound(NOUN))
    }
}

/// Converts the outcome of an update: the updated key, or the error.
fn changed(changed: UpdateKeyOutcome) -> Result<KeyWithUse, AuthError> {
    match changed {
        UpdateKeyOutcome::Changed(used) => Ok(*used),
        UpdateKeyOutcome::Unknown => Err(AuthError::NotFound(NOUN)),
        UpdateKeyOutcome::Refused(violation) => Err(refused(violation)),
    }
}

/// Returns the tenant of a new key: the caller's, unless a platform caller names a different one.
fn tenant_of(permit: &Permit<rights::Admin>, asked: Option<TenantId>) -> Result<TenantId, AuthError> {
    match asked {
        Some(tenant) if tenant != *permit.tenant() => {
            let caller = permit.caller().clone().in_tenant(tenant)?;
            Ok(caller.tenant().clone())
        }
        _ => Ok(permit.tenant().clone()),
    }
}

fn guard(permit: &Permit<rights::Admin>, at: Timestamp) -> UpdatePrecondition {
    let scopes = permit.scopes();
    UpdatePrecondition { at, within: Some(scopes), keep_admin: !scopes.grants(Scope::Platform) }
}

fn future(at: Timestamp, now: Timestamp) -> Result<Timestamp, AuthError> {
    if at > now && at <= now.plus(LONGEST) {
        Ok(at)
    } else {
        Err(AuthError::invalid("expires_at", "must lie in the future, at most ten years ahead"))
    }
}

fn refused(violation: PolicyViolation) -> AuthError {
    match violation {
        PolicyViolation::Revoked => AuthError::Conflict("The API key is revoked".into()),
        PolicyViolation::Wider(scope) => RejectionReason::InsufficientScope(scope).into(),
        PolicyViolation::LastAdmin => AuthError::Conflict("The tenant's last live admin key stays as it is".into()),
    }
}

fn own_key() -> AuthError {
    AuthError::Conflict("A key cannot revoke, disable or demote itself: use another admin key".into())
}

fn made_before(repeated: &AlreadyProcessed) -> AuthError {
    if repeated.same_payload {
        let target = &repeated.target;
        AuthError::Conflict(Cow::Owned(format!(
            "This Idempotency-Key was used for API key {target}; its secret is not kept"
        )))
    } else {
        AuthError::other_payload()
    }
}

/// Returns the detail of an update for the audit log: the new values. Of texts it records only that they changed.
fn changes(patch: &KeyPatch) -> serde_json::Value {
    let mut detail = json!({"fields": patch.fields()});
    if let Some(scopes) = &patch.scopes {
        detail["scopes"] = json!(scopes);
    }
    if let Some(limit) = patch.rate_limit {
        detail["rate_limit"] = json!(limit);
    }
    if let Some(enabled) = patch.enabled {
        detail["enabled"] = json!(enabled);
    }
    if let Some(at) = patch.expires_at {
        detail["expires_at"] = json!(at);
    }
    detail
}
