//! The operations on keys.

use crate::{
    SqliteStore, claims, feed, figures,
    page::{self, page},
    row::{self, key_columns},
    tenants,
};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Cursor, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, Tenant, TenantId, Timestamp,
};
use dalston_store::{
    FoundKey, IdempotencyKey, InsertKeyOutcome, KeyLookup, KeyStats, KeyStore, KeyToInsert, KeyWithUse,
    PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, Rotation, StoreResult, UpdateKeyOutcome, UpdatePrecondition,
};
use futures_util::TryStreamExt;
use sqlx::{Row as _, SqliteConnection};

const INSERT: &str =
    concat!("INSERT INTO keys (", key_columns!(), ", manages, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

const INSERT_SECRET: &str = "INSERT INTO key_secrets (digest, key_id) VALUES (?, ?)";

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM keys)";

pub(crate) const FIND_BY_DIGEST: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", changed, ends_at FROM key_secrets CROSS JOIN keys ON id = key_id WHERE digest = ?"
);

pub(crate) const FIND: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", last_used_at FROM keys LEFT JOIN key_usage ON key_id = id WHERE id = ? AND tenant_id = ?"
);

pub(crate) const LIST: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", last_used_at FROM keys INDEXED BY keys_by_age LEFT JOIN key_usage ON key_id = id WHERE tenant_id = ? AND ",
    page!()
);

pub(crate) const LIST_UNREVOKED: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", last_used_at FROM keys INDEXED BY keys_unrevoked_by_age LEFT JOIN key_usage ON key_id = id ",
    "WHERE tenant_id = ? AND revoked_at IS NULL AND ",
    page!()
);

pub(crate) const OTHER_MANAGERS: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys INDEXED BY keys_managing WHERE tenant_id = ? AND manages AND revoked_at IS NULL AND id <> ?"
);

pub(crate) const WRITE: &str = "UPDATE keys SET enabled = ?, expires_at = ?, revoked_at = ?, rest = ?, manages = ?, \
     changed = ? WHERE id = ?";

pub(crate) const OVERLAPPING_UNTIL: &str = "SELECT max(ends_at) AS ends_at FROM key_secrets WHERE key_id = ?";

pub(crate) const DROP_OVERLAPPING: &str = "DELETE FROM key_secrets WHERE key_id = ? AND ends_at IS NOT NULL";

pub(crate) const END_CURRENT: &str = "UPDATE key_secrets SET ends_at = ? WHERE key_id = ?";

/// Inserts the key with its secret, and records the change.
async fn insert(change: &mut SqliteConnection, new: &KeyToInsert, entry: &AuditEntry) -> sqlx::Result<()> {
    let seq = feed::record(change, entry).await?;
    row::bind_key(sqlx::query(INSERT), &new.key)?.bind(seq).execute(&mut *change).await?;
    insert_secret(change, &new.digest, new.key.id).await
}

/// Writes the changed key under the sequence number of the change.
async fn write(change: &mut SqliteConnection, key: &Key, seq: i64) -> sqlx::Result<()> {
    let write = row::bind_changed(sqlx::query(WRITE), key)?;
    write.bind(seq).bind(key.id.to_string()).execute(change).await?;
    Ok(())
}

async fn insert_secret(change: &mut SqliteConnection, digest: &KeyDigest, id: KeyId) -> sqlx::Result<()> {
    sqlx::query(INSERT_SECRET).bind(row::digest(digest)).bind(id.to_string()).execute(change).await?;
    Ok(())
}

async fn find(change: &mut SqliteConnection, tenant: &TenantId, id: KeyId) -> sqlx::Result<Option<KeyWithUse>> {
    let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str());
    find.try_map(|row| row::used_key(&row)).fetch_optional(change).await
}

/// Returns the precondition that the change violates. Queries other admin keys only if the result depends on them.
async fn violation(
    change: &mut SqliteConnection,
    guard: &UpdatePrecondition,
    before: &Key,
    after: &Key,
) -> sqlx::Result<Option<PolicyViolation>> {
    let alone = guard.violation(before, after, false);
    if alone == guard.violation(before, after, true) {
        return Ok(alone);
    }
    let others = others(change, before, guard.at).await?;
    Ok(guard.violation(before, after, others))
}

/// Whether the key's tenant has another live admin key.
async fn others(change: &mut SqliteConnection, key: &Key, at: Timestamp) -> sqlx::Result<bool> {
    let mut others = sqlx::query(OTHER_MANAGERS)
        .bind(key.tenant.as_str())
        .bind(key.id.to_string())
        .try_map(|row| row::key(&row))
        .fetch(change);
    while let Some(other) = others.try_next().await? {
        if other.is_live_admin(at) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[async_trait]
impl KeyLookup for SqliteStore {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        let find = sqlx::query(FIND_BY_DIGEST).bind(row::digest(digest)).try_map(|row| {
            let secret_expires_at = row::time_if_any(&row, "ends_at")?;
            let (key, changed) = (row::key(&row)?, Some(row.try_get("changed")?));
            Ok(FoundKey { key, secret_expires_at, now: self.clock.now(), changed })
        });
        self.call(find.fetch_optional(&self.readers)).await
    }

    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
        let find = sqlx::query(FIND).bind(id.to_string()).bind(tenant.as_str()).try_map(|row| row::used_key(&row));
        self.call(find.fetch_optional(&self.readers)).await
    }

    fn records_all_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            if let Some(repeated) = claims::repeated(&mut change, claim, now).await? {
                return Ok(InsertKeyOutcome::Repeated(repeated));
            }
            if !tenants::exists(&mut change, &new.key.tenant).await? {
                return Ok(InsertKeyOutcome::UnknownTenant);
            }
            claims::make(&mut change, claim, new.key.id.to_string(), now).await?;
            insert(&mut change, new, entry).await?;
            change.commit().await?;
            Ok(InsertKeyOutcome::Inserted)
        })
        .await
    }

    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut change = self.change().await?;
            if sqlx::query_scalar(ANY).fetch_one(&mut *change).await? {
                return Ok(false);
            }
            let Key { tenant, created_at, .. } = &new.key;
            let tenant = Tenant { id: tenant.clone(), name: None, created_at: *created_at };
            tenants::insert(&mut change, &tenant).await?;
            insert(&mut change, new, entry).await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn has_keys(&self) -> StoreResult<bool> {
        self.call(sqlx::query_scalar(ANY).fetch_one(&self.readers)).await
    }

    async fn keys(&self, tenant: &TenantId, request: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>> {
        let list = sqlx::query(if revoked { LIST } else { LIST_UNREVOKED }).bind(tenant.as_str());
        let list = page::bind(list, request).try_map(|row| row::used_key(&row));
        let keys = self.call(list.fetch_all(&self.readers)).await?;
        let cursor = |used: &KeyWithUse| Cursor { created_at: used.key.created_at, id: used.key.id.to_string() };
        Ok(Page::cut(keys, request.limit, cursor))
    }

    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats> {
        self.call(figures::count(&self.readers, tenant, at)).await
    }

    async fn update_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        patch: &KeyPatch,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<UpdateKeyOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let Some(KeyWithUse { key: before, last_used_at }) = find(&mut change, tenant, id).await? else {
                return Ok(UpdateKeyOutcome::Unknown);
            };
            let after = patch.apply(before.clone());
            if let Some(violation) = violation(&mut change, guard, &before, &after).await? {
                return Ok(UpdateKeyOutcome::Refused(violation));
            }
            let seq = feed::record(&mut change, entry).await?;
            write(&mut change, &after, seq).await?;
            change.commit().await?;
            Ok(UpdateKeyOutcome::Changed(Box::new(KeyWithUse { key: after, last_used_at })))
        })
        .await
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
        self.call(async {
            let mut change = self.change().await?;
            let now = self.clock.now();
            if let Some(repeated) = claims::repeated(&mut change, claim, now).await? {
                return Ok(RotateKeyOutcome::Repeated(repeated));
            }
            let Some(KeyWithUse { key: before, last_used_at }) = find(&mut change, tenant, id).await? else {
                return Ok(RotateKeyOutcome::Unknown);
            };
            let after = Key { prefix: rotation.prefix.clone(), ..before.clone() };
            if let Some(violation) = violation(&mut change, guard, &before, &after).await? {
                return Ok(RotateKeyOutcome::Refused(violation));
            }
            let until = sqlx::query(OVERLAPPING_UNTIL).bind(id.to_string());
            let until = until.try_map(|row| row::time_if_any(&row, "ends_at")).fetch_one(&mut *change).await?;
            if let Some(until) = rotation.overlap.conflict(until, now) {
                return Ok(RotateKeyOutcome::Overlapping(until));
            }
            let previous_expires_at = now.plus(rotation.overlap.length);
            sqlx::query(DROP_OVERLAPPING).bind(id.to_string()).execute(&mut *change).await?;
            let end = sqlx::query(END_CURRENT).bind(previous_expires_at.as_micros()).bind(id.to_string());
            end.execute(&mut *change).await?;
            insert_secret(&mut change, &rotation.digest, id).await?;
            claims::make(&mut change, claim, id.to_string(), now).await?;
            let seq = feed::record(&mut change, entry).await?;
            write(&mut change, &after, seq).await?;
            change.commit().await?;
            let used = Box::new(KeyWithUse { key: after, last_used_at });
            Ok(RotateKeyOutcome::Rotated { used, previous_expires_at })
        })
        .await
    }

    async fn revoke_key(
        &self,
        tenant: &TenantId,
        id: KeyId,
        guard: &UpdatePrecondition,
        entry: &AuditEntry,
    ) -> StoreResult<RevokeKeyOutcome> {
        self.call(async {
            let mut change = self.change().await?;
            let Some(KeyWithUse { key: before, .. }) = find(&mut change, tenant, id).await? else {
                return Ok(RevokeKeyOutcome::Unknown);
            };
            if let Some(at) = before.revoked_at {
                return Ok(RevokeKeyOutcome::AlreadyRevoked(at));
            }
            let after = Key { revoked_at: Some(guard.at), ..before.clone() };
            if let Some(violation) = violation(&mut change, guard, &before, &after).await? {
                return Ok(RevokeKeyOutcome::Refused(violation));
            }
            let seq = feed::record(&mut change, entry).await?;
            write(&mut change, &after, seq).await?;
            change.commit().await?;
            Ok(RevokeKeyOutcome::Revoked)
        })
        .await
    }
}
