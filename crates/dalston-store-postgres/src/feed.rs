//! What changed, in Postgres.

use crate::{
    PostgresStore, audit,
    change::Change,
    moment::Moment,
    row,
    row::{audit_columns, key_columns},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditHash, AuditRecord};
use dalston_store::{AuditPage, AuditQuery, FeedStore, KeyChange, StoreResult};
use sqlx::PgConnection;

/// The link of the last record; none when it is older than the chain, or there is none.
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
        .bind(Moment(record.time))
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

/// The number that rows lie behind; past the last number there is nothing.
pub(crate) fn behind(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[async_trait]
impl FeedStore for PostgresStore {
    async fn last_seq(&self) -> StoreResult<u64> {
        self.call(async {
            let query = sqlx::query("SELECT value FROM meta WHERE name = 'seq'");
            query.try_map(|row| row::count(&row, "value")).fetch_one(&mut *self.lease().await?).await
        })
        .await
    }

    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>> {
        self.call(async {
            let sql =
                concat!("SELECT ", key_columns!(), ", changed FROM keys WHERE changed > $1 ORDER BY changed LIMIT $2");
            let query = sqlx::query(sql).bind(behind(seq)).bind(i64::from(limit));
            query.try_map(|row| row::key_change(&row)).fetch_all(&mut *self.lease().await?).await
        })
        .await
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        self.call(async {
            let mut lease = self.lease().await?;
            let change = Change::begin(&mut lease).await?;
            let seq = change.seq();
            change.commit(entry).await?;
            Ok(seq.cast_unsigned())
        })
        .await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        self.call(async { audit::page(&mut *self.lease().await?, query).await }).await
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        self.call(async {
            let sql = concat!("SELECT ", audit_columns!(), " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
            let query = sqlx::query(sql).bind(behind(seq)).bind(i64::from(limit));
            query.try_map(|row| row::audit(&row)).fetch_all(&mut *self.lease().await?).await
        })
        .await
    }
}
