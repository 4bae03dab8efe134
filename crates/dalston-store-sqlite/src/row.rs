//! Converts between rows and the types of the model. A value that the model does not allow is an error, never a
//! default.

use crate::error::undecodable;
use dalston_model::{AuditHash, AuditRecord, Key, KeyDigest, Tenant, Timestamp};
use dalston_store::{KeyColumns, KeyWithUse, key_rest};
use serde_json::Value;
use sqlx::{
    Row, Sqlite,
    error::BoxDynError,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::str::FromStr;

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// The columns that [`tenant`] reads.
macro_rules! tenant_columns {
    () => {
        "id, name, created_at"
    };
}

/// The columns that [`key`] reads and [`bind_key`] binds. No table that is joined to `keys` has a column of these
/// names.
macro_rules! key_columns {
    () => {
        "id, tenant_id, enabled, created_at, expires_at, revoked_at, rest"
    };
}

/// The columns that [`audit_record`] reads and [`bind_audit`] binds.
macro_rules! audit_columns {
    () => {
        "seq, time, tenant_id, actor_kind, actor_id, door, action, target_kind, target_id, address, request_id, detail, \
         hash"
    };
}
pub(crate) use {audit_columns, key_columns, tenant_columns};

/// Parses the text in a column.
pub(crate) fn parsed<T>(row: &SqliteRow, column: &str) -> sqlx::Result<T>
where
    T: FromStr<Err: Into<BoxDynError>>,
{
    row.try_get::<&str, _>(column)?.parse().map_err(|why: T::Err| undecodable(column, why))
}

/// Parses the text in a nullable column.
pub(crate) fn parsed_if_any<T>(row: &SqliteRow, column: &str) -> sqlx::Result<Option<T>>
where
    T: FromStr<Err: Into<BoxDynError>>,
{
    let text = row.try_get::<Option<&str>, _>(column)?;
    text.map(str::parse).transpose().map_err(|why: T::Err| undecodable(column, why))
}

/// The time in a column.
pub(crate) fn time(row: &SqliteRow, column: &str) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_micros)
}

/// The time in a nullable column.
pub(crate) fn time_if_any(row: &SqliteRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
}

/// A count as SQLite's signed integer. Saturates.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time, for a nullable column.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

/// The tenant in a row.
pub(crate) fn tenant(row: &SqliteRow) -> sqlx::Result<Tenant> {
    Ok(Tenant { id: parsed(row, "id")?, name: parsed_if_any(row, "name")?, created_at: time(row, "created_at")? })
}

/// The key in a row.
pub(crate) fn key(row: &SqliteRow) -> sqlx::Result<Key> {
    let columns = KeyColumns {
        id: parsed(row, "id")?,
        tenant: parsed(row, "tenant_id")?,
        enabled: row.try_get("enabled")?,
        created_at: time(row, "created_at")?,
        expires_at: time_if_any(row, "expires_at")?,
        revoked_at: time_if_any(row, "revoked_at")?,
    };
    columns.key(row.try_get("rest")?).map_err(|why| undecodable("rest", why))
}

/// The key in a row that also has its `last_used_at`.
pub(crate) fn used_key(row: &SqliteRow) -> sqlx::Result<KeyWithUse> {
    Ok(KeyWithUse { key: key(row)?, last_used_at: time_if_any(row, "last_used_at")? })
}

/// Binds the columns of a key, and `manages`.
pub(crate) fn bind_key<'q>(insert: Statement<'q>, key: &Key) -> sqlx::Result<Statement<'q>> {
    let insert = insert.bind(key.id.to_string()).bind(key.tenant.to_string()).bind(key.enabled);
    let insert = insert.bind(key.created_at.as_micros()).bind(micros(key.expires_at)).bind(micros(key.revoked_at));
    Ok(insert.bind(rest(key)?).bind(key.scopes.manages()))
}

/// Binds the columns of a key that may change, and `manages`.
pub(crate) fn bind_changed<'q>(update: Statement<'q>, key: &Key) -> sqlx::Result<Statement<'q>> {
    let update = update.bind(key.enabled).bind(micros(key.expires_at)).bind(micros(key.revoked_at));
    Ok(update.bind(rest(key)?).bind(key.scopes.manages()))
}

fn rest(key: &Key) -> sqlx::Result<String> {
    key_rest(key).map_err(|why| sqlx::Error::Encode(why.into()))
}

/// A digest, for a column.
pub(crate) fn digest(digest: &KeyDigest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}

/// The link of the hash chain in a nullable column.
pub(crate) fn hash_if_any(row: &SqliteRow, column: &str) -> sqlx::Result<Option<AuditHash>> {
    let bytes = row.try_get::<Option<&[u8]>, _>(column)?.map(<[u8; 32]>::try_from);
    Ok(bytes.transpose().map_err(|why| undecodable(column, why))?.map(AuditHash::new))
}

/// The audit record in a row.
pub(crate) fn audit_record(row: &SqliteRow) -> sqlx::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: row.try_get("seq")?,
        time: time(row, "time")?,
        tenant_id: row.try_get("tenant_id")?,
        actor_kind: row.try_get("actor_kind")?,
        actor_id: row.try_get("actor_id")?,
        door: row.try_get("door")?,
        action: row.try_get("action")?,
        target_kind: row.try_get("target_kind")?,
        target_id: row.try_get("target_id")?,
        address: row.try_get("address")?,
        request_id: row.try_get("request_id")?,
        detail: parsed::<Value>(row, "detail")?,
        hash: hash_if_any(row, "hash")?,
    })
}

/// Binds the columns of an audit record.
pub(crate) fn bind_audit(insert: Statement<'_>, record: AuditRecord) -> Statement<'_> {
    insert
        .bind(count(record.seq))
        .bind(record.time.as_micros())
        .bind(record.tenant_id)
        .bind(record.actor_kind)
        .bind(record.actor_id)
        .bind(record.door)
        .bind(record.action)
        .bind(record.target_kind)
        .bind(record.target_id)
        .bind(record.address)
        .bind(record.request_id)
        .bind(record.detail.to_string())
        .bind(record.hash.map(|hash| hash.as_bytes().to_vec()))
}
