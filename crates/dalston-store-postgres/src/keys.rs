//! Storing and finding keys, in Postgres.

use crate::{
    PostgresStore,
    change::Change,
    claims, figures,
    page::Bounds,
    pg_timestamp::PgTimestamp,
    row,
    row::{key_columns, used_key_columns},
    tenants,
};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, Cursor, Key, KeyDigest, KeyId, KeyPatch, Page, PageRequest, Tenant, TenantId, Timestamp,
};
use dalston_store::{
    FoundKey, IdempotencyKey, InsertKeyOutcome, KeyLookup, KeyStats, KeyStore, KeyToInsert, KeyWithUse,
    PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, Rotation, StoreResult, UpdateKeyOutcome, UpdatePrecondition,
    key_rest,
};
use sqlx::{PgConnection, postgres::PgRow};
use uuid::Uuid;

/// The statement of a page, with the conditions besides the tenant.
macro_rules! page_sql {
    ($($and:literal)?) => {
        concat!(
            "SELECT ", used_key_columns!(), " FROM keys WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)", $($and,)?
            " ORDER BY created_at DESC, id DESC OFFSET $4 LIMIT $5"
        )
    };
}

const ANY: &str = "SELECT EXISTS (SELECT FROM keys)";

/// By the configured clock, or the server's.
const OVERLAPPING_UNTIL: &str =
    "SELECT max(ends_at) AS until, coalesce($2, clock_timestamp()) AS now FROM key_secrets WHERE key_id = $1";

/// Lets the current secret expire after the overlap. At this point it is the only secret of the key: the previous one
/// was deleted.
const END_CURRENT: &str = "UPDATE key_secrets SET ends_at = $2 WHERE key_id = $1";

const FIND: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", changed, ends_at, coalesce($2, clock_timestamp()) AS now FROM key_secrets JOIN keys ON id = key_id WHERE digest = $1"
);
const SELECT: &str = concat!("SELECT ", used_key_columns!(), " FROM keys WHERE tenant_id = $1 AND id = $2");
const INSERT: &str = "
    INSERT INTO keys (id, tenant_id, enabled, created_at, expires_at, revoked_at, rest, manages, changed)
    VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8, $9)";
const WRITE: &str = "
    UPDATE keys SET enabled = $2, expires_at = $3, revoked_at = $4, rest = $5::text::json, manages = $6, changed = $7
    WHERE id = $1";
const INSERT_SECRET: &str = "INSERT INTO key_secrets (key_id, digest) VALUES ($1, $2)";
/// Selects the keys other than `$2` that may be live admin keys; the model decides.
const OTHER_ADMINS: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys WHERE tenant_id = $1 AND manages AND revoked_at IS NULL AND id <> $2"
);

async fn find(conn: &mut PgConnection, tenant: &TenantId, id: KeyId) -> sqlx::Result<Option<KeyWithUse>> {
    let query = sqlx::query(SELECT).bind(tenant.as_str()).bind(id.as_uuid());
    query.try_map(|row| row::used_key(&row)).fetch_optional(conn).await
}

async fn insert(change: &mut Change<'_>, KeyToInsert { key, digest }: &KeyToInsert) -> sqlx::Result<()> {
    let seq = change.seq();
    sqlx::query(INSERT)
        .bind(key.id.as_uuid())
        .bind(key.tenant.as_str())
        .bind(key.enabled)
        .bind(PgTimestamp(key.created_at))
        .bind(key.expires_at.map(PgTimestamp))
        .bind(key.revoked_at.map(PgTimestamp))
        .bind(rest(key)?)
        .bind(key.scopes.manages())
        .bind(seq)
        .execute(change.conn())
        .await?;
    let query = sqlx::query(INSERT_SECRET).bind(key.id.as_uuid()).bind(digest.as_bytes());
    query.execute(change.conn()).await?;
    Ok(())
}

/// Writes the present state of the key, with the number of the change.
async fn write(change: &mut Change<'_>, key: &Key) -> sqlx::Result<()> {
    let seq = change.seq();
    sqlx::query(WRITE)
        .bind(key.id.as_uuid())
        .bind(key.enabled)
        .bind(key.expires_at.map(PgTimestamp))
        .bind(key.revoked_at.map(PgTimestamp))
        .bind(rest(key)?)
        .bind(key.scopes.manages())
        .bind(seq)
        .execute(change.conn())
        .await?;
    Ok(())
}

fn rest(key: &Key) -> sqlx::Result<String> {
    key_rest(key).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Returns why the precondition forbids the change, if it does. Reads the other admin keys only if they matter.
async fn violation(
    change: &mut Change<'_>,
    guard: &UpdatePrecondition,
    before: &Key,
    after: &Key,
) -> sqlx::Result<Option<PolicyViolation>> {
    let alone = guard.violation(before, after, false);
    if alone != Some(PolicyViolation::LastAdmin) {
        return Ok(alone);
    }
    let query = sqlx::query(OTHER_ADMINS).bind(before.tenant.as_str()).bind(before.id.as_uuid());
    let others = query.try_map(|row| row::key(&row)).fetch_all(change.conn()).await?;
    Ok(guard.violation(before, after, others.iter().any(|other| other.is_live_admin(guard.at))))
}

#[async_trait]
impl KeyLookup for PostgresStore {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        self.call(async {
            let found = |row: PgRow| {
                Ok(FoundKey {
                    key: row::key(&row)?,
                    secret_expires_at: row::time_option(&row, "ends_at")?,
                    now: row::time(&row, "now")?,
                    changed: Some(row::count(&row, "changed")?),
                })
            };
            let query = sqlx::query(FIND).bind(digest.as_bytes()).bind(self.now()).try_map(found);
            query.fetch_optional(&mut *self.lease().await?).await
        })
        .await
    }

    async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
        self.call(async { find(&mut *self.lease().await?, tenant, id).await }).await
    }

    fn records_all_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl KeyStore for PostgresStore {
    async fn insert_key(
        &self,
        new: &KeyToInsert,
        claim: Option<&IdempotencyKey>,
        entry: &AuditEntry,
    ) -> StoreResult<InsertKeyOutcome> {
        self.call(async {
            let now = self.now();
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            if let Some(repeated) = claims::repeated(change.conn(), claim, now).await? {
                return Ok(InsertKeyOutcome::Repeated(repeated));
            }
            if !tenants::exists(change.conn(), &new.key.tenant).await? {
                return Ok(InsertKeyOutcome::UnknownTenant);
            }
            claims::make(change.conn(), claim, &new.key.id.to_string(), now).await?;
            insert(&mut change, new).await?;
            change.commit(entry).await?;
            Ok(InsertKeyOutcome::Inserted)
        })
        .await
    }

    async fn insert_first_key(&self, new: &KeyToInsert, entry: &AuditEntry) -> StoreResult<bool> {
        self.call(async {
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            if sqlx::query_scalar(ANY).fetch_one(change.conn()).await? {
                return Ok(false);
            }
            let tenant = Tenant { id: new.key.tenant.clone(), name: None, created_at: new.key.created_at };
            tenants::insert(change.conn(), &tenant).await?;
            insert(&mut change, new).await?;
            change.commit(entry).await?;
            Ok(true)
        })
        .await
    }

    async fn has_keys(&self) -> StoreResult<bool> {
        self.call(async { sqlx::query_scalar(ANY).fetch_one(&mut *self.lease().await?).await }).await
    }

    async fn keys(&self, tenant: &TenantId, request: &PageRequest, revoked: bool) -> StoreResult<Page<KeyWithUse>> {
        self.call(async {
            let sql = if revoked { page_sql!() } else { page_sql!(" AND revoked_at IS NULL") };
            let Bounds { before, id, skip, limit } = Bounds::of(request, KeyId::from_uuid(Uuid::nil()));
            let query = sqlx::query(sql).bind(tenant.as_str()).bind(before).bind(id.as_uuid()).bind(skip).bind(limit);
            let rows = query.try_map(|row| row::used_key(&row)).fetch_all(&mut *self.lease().await?).await?;
            let cursor = |used: &KeyWithUse| Cursor { created_at: used.key.created_at, id: used.key.id.to_string() };
            Ok(Page::cut(rows, request.limit, cursor))
        })
        .await
    }

    async fn key_stats(&self, tenant: &TenantId, at: Timestamp) -> StoreResult<KeyStats> {
        self.call(async { figures::count(&mut *self.lease().await?, tenant, at).await }).await
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
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let Some(KeyWithUse { key, last_used_at }) = find(change.conn(), tenant, id).await? else {
                return Ok(UpdateKeyOutcome::Unknown);
            };
            let after = patch.apply(key.clone());
            if let Some(violation) = violation(&mut change, guard, &key, &after).await? {
                return Ok(UpdateKeyOutcome::Refused(violation));
            }
            write(&mut change, &after).await?;
            change.commit(entry).await?;
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
            let now = self.now();
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            if let Some(repeated) = claims::repeated(change.conn(), claim, now).await? {
                return Ok(RotateKeyOutcome::Repeated(repeated));
            }
            let Some(KeyWithUse { key, last_used_at }) = find(change.conn(), tenant, id).await? else {
                return Ok(RotateKeyOutcome::Unknown);
            };
            let after = Key { prefix: rotation.prefix.clone(), ..key.clone() };
            if let Some(violation) = violation(&mut change, guard, &key, &after).await? {
                return Ok(RotateKeyOutcome::Refused(violation));
            }
            let conn = change.conn();
            let until = sqlx::query(OVERLAPPING_UNTIL).bind(id.as_uuid()).bind(now);
            let (until, at) = until.try_map(|row| row::overlap(&row)).fetch_one(&mut *conn).await?;
            if let Some(until) = rotation.overlap.conflict(until, at) {
                return Ok(RotateKeyOutcome::Overlapping(until));
            }
            let previous_expires_at = at.plus(rotation.overlap.length);
            let overlapping = "DELETE FROM key_secrets WHERE key_id = $1 AND ends_at IS NOT NULL";
            sqlx::query(overlapping).bind(id.as_uuid()).execute(&mut *conn).await?;
            let current = sqlx::query(END_CURRENT).bind(id.as_uuid()).bind(PgTimestamp(previous_expires_at));
            current.execute(&mut *conn).await?;
            let secret = sqlx::query(INSERT_SECRET).bind(id.as_uuid()).bind(rotation.digest.as_bytes());
            secret.execute(&mut *conn).await?;
            claims::make(conn, claim, &id.to_string(), now).await?;
            write(&mut change, &after).await?;
            change.commit(entry).await?;
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
            let mut lease = self.lease().await?;
            let mut change = Change::begin(&mut lease).await?;
            let Some(KeyWithUse { key, .. }) = find(change.conn(), tenant, id).await? else {
                return Ok(RevokeKeyOutcome::Unknown);
            };
            if let Some(at) = key.revoked_at {
                return Ok(RevokeKeyOutcome::AlreadyRevoked(at));
            }
            let after = Key { revoked_at: Some(guard.at), ..key.clone() };
            if let Some(violation) = violation(&mut change, guard, &key, &after).await? {
                return Ok(RevokeKeyOutcome::Refused(violation));
            }
            write(&mut change, &after).await?;
            change.commit(entry).await?;
            Ok(RevokeKeyOutcome::Revoked)
        })
        .await
    }
}
