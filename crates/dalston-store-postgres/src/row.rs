//! Decodes rows into model types. Lists the columns of each once.

use crate::pg_timestamp::PgTimestamp;
use dalston_model::{AuditHash, AuditRecord, Key, KeyId, Tenant, Timestamp};
use dalston_store::{KeyColumns, KeyWithUse};
use sqlx::{Row, postgres::PgRow, types::Json};
use std::{error::Error, str::FromStr};

macro_rules! tenant_columns {
    () => {
        "id, name, created_at"
    };
}

macro_rules! key_columns {
    () => {
        "id, tenant_id, enabled, created_at, expires_at, revoked_at, rest::text"
    };
}

/// A subquery instead of a join: the last use is looked up for the rows of the page only, whatever the planner
/// estimates.
macro_rules! used_key_columns {
    () => {
        concat!(key_columns!(), ", (SELECT last_used_at FROM key_usage WHERE key_id = id) AS last_used_at")
    };
}

macro_rules! audit_columns {
    () => {
        "seq, time, tenant_id, actor_kind, actor_id, door, action, target_kind, target_id, address, request_id, detail, \
         hash"
    };
}

pub(crate) use {audit_columns, key_columns, tenant_columns, used_key_columns};

/// Decodes a row of `tenant_columns`.
pub(crate) fn tenant(row: &PgRow) -> sqlx::Result<Tenant> {
    Ok(Tenant { id: parsed(row, "id")?, name: parsed_option(row, "name")?, created_at: time(row, "created_at")? })
}

/// Decodes a row of `key_columns`.
pub(crate) fn key(row: &PgRow) -> sqlx::Result<Key> {
    let columns = KeyColumns {
        id: KeyId::from_uuid(row.try_get("id")?),
        tenant: parsed(row, "tenant_id")?,
        enabled: row.try_get("enabled")?,
        created_at: time(row, "created_at")?,
        expires_at: time_option(row, "expires_at")?,
        revoked_at: time_option(row, "revoked_at")?,
    };
    columns.key(row.try_get("rest")?).map_err(wrong("rest"))
}

/// Decodes a row of `used_key_columns`.
pub(crate) fn used_key(row: &PgRow) -> sqlx::Result<KeyWithUse> {
    Ok(KeyWithUse { key: key(row)?, last_used_at: time_option(row, "last_used_at")? })
}

/// Returns when the previous secret expires, if there is one, and the time now.
pub(crate) fn overlap(row: &PgRow) -> sqlx::Result<(Option<Timestamp>, Timestamp)> {
    Ok((time_option(row, "until")?, time(row, "now")?))
}

/// Decodes a row of `audit_columns`.
pub(crate) fn audit(row: &PgRow) -> sqlx::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: count(row, "seq")?,
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
        detail: row.try_get("detail").map(|Json(value)| value)?,
        hash: hash(row, "hash")?,
    })
}

/// Decodes an optional chain link.
pub(crate) fn hash(row: &PgRow, column: &'static str) -> sqlx::Result<Option<AuditHash>> {
    let bytes = row.try_get::<Option<&[u8]>, _>(column)?.map(<[u8; 32]>::try_from);
    Ok(bytes.transpose().map_err(wrong(column))?.map(AuditHash::new))
}

/// Decodes a count.
pub(crate) fn count(row: &PgRow, column: &'static str) -> sqlx::Result<u64> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(wrong(column))
}

/// Encodes a count as `bigint`.
pub(crate) fn bigint(count: u64) -> sqlx::Result<i64> {
    i64::try_from(count).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Decodes a timestamp.
pub(crate) fn time(row: &PgRow, column: &'static str) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(|PgTimestamp(at)| at)
}

/// Decodes an optional timestamp.
pub(crate) fn time_option(row: &PgRow, column: &'static str) -> sqlx::Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<PgTimestamp>, _>(column)?.map(|PgTimestamp(at)| at))
}

/// Decodes and parses a text.
pub(crate) fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: &'static str,
) -> sqlx::Result<T> {
    row.try_get::<&str, _>(column)?.parse().map_err(wrong(column))
}

/// Decodes and parses an optional text.
pub(crate) fn parsed_option<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: &'static str,
) -> sqlx::Result<Option<T>> {
    row.try_get::<Option<&str>, _>(column)?.map(str::parse).transpose().map_err(wrong(column))
}

/// The error of a column that holds a value that the model does not allow.
pub(crate) fn wrong<E: Error + Send + Sync + 'static>(column: &'static str) -> impl FnOnce(E) -> sqlx::Error {
    move |error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}
