//! Writing audit records.

use crate::{
    pg_timestamp::PgTimestamp,
    row::{self, audit_columns},
};
use dalston_model::{AuditHash, AuditRecord};
use sqlx::PgConnection;

/// Returns the chain link of the last record; `None` if there is no record, or if it is older than the chain.
pub(crate) async fn last_link(conn: &mut PgConnection) -> sqlx::Result<Option<AuditHash>> {
    let query = sqlx::query("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1");
    Ok(query.try_map(|row| row::hash(&row, "hash")).fetch_optional(conn).await?.flatten())
}

/// Writes an audit record.
pub(crate) async fn insert(conn: &mut PgConnection, record: &AuditRecord) -> sqlx::Result<()> {
    let sql = concat!(
        "INSERT INTO audit (",
        audit_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json, $13)"
    );
    sqlx::query(sql)
        .bind(row::bigint(record.seq)?)
        .bind(PgTimestamp(record.time))
        .bind(&record.tenant_id)
        .bind(&record.actor_kind)
        .bind(&record.actor_id)
        .bind(&record.door)
        .bind(&record.action)
        .bind(&record.target_kind)
        .bind(&record.target_id)
        .bind(&record.address)
        .bind(&record.request_id)
        .bind(record.detail.to_string())
        .bind(record.hash.map(|hash| *hash.as_bytes()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Converts a sequence number to the lower bound of a query. Numbers out of range become the maximum, after which there
/// are no rows.
pub(crate) fn behind(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
