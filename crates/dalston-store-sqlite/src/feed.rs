//! The numbered record of changes.

use crate::{
    SqliteStore, audit,
    row::{self, audit_columns, key_columns},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditHash, AuditRecord};
use dalston_store::{AuditPage, AuditQuery, FeedStore, KeyChange, StoreResult};
use sqlx::{Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

const RECORD: &str =
    concat!("INSERT INTO audit (", audit_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

/// SQLite's own table: the numbers that `AUTOINCREMENT` gave, which the rows themselves may outlive.
const LAST: &str = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'";

/// The next number, and the link that it comes behind.
pub(crate) const NEXT: &str = "SELECT ifnull(max(seq), 0) + 1 AS seq, \
     (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) AS hash FROM sqlite_sequence WHERE name = 'audit'";

pub(crate) const CHANGED_AFTER: &str =
    concat!("SELECT changed, ", key_columns!(), " FROM keys WHERE changed > ? ORDER BY changed LIMIT ?");

pub(crate) const RECORDED_AFTER: &str =
    concat!("SELECT ", audit_columns!(), " FROM audit WHERE seq > ? ORDER BY seq LIMIT ?");

/// Records a change, links it to the one before, and gives it its number.
pub(crate) async fn record(change: &mut SqliteConnection, entry: &AuditEntry) -> sqlx::Result<i64> {
    let next = sqlx::query(NEXT).fetch_one(&mut *change).await?;
    let previous = row::hash_if_any(&next, "hash")?.unwrap_or(AuditHash::START);
    let mut record = AuditRecord::new(next.try_get("seq")?, entry);
    record.hash = Some(record.link(previous));
    let seq = row::count(record.seq);
    row::bind_audit(sqlx::query(RECORD), record).execute(change).await?;
    Ok(seq)
}

/// The number of the last change.
pub(crate) async fn last_seq(database: impl SqliteExecutor<'_>) -> sqlx::Result<u64> {
    sqlx::query_scalar(LAST).fetch_one(database).await
}

#[async_trait]
impl FeedStore for SqliteStore {
    async fn last_seq(&self) -> StoreResult<u64> {
        self.call(last_seq(&self.readers)).await
    }

    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>> {
        let changes = sqlx::query(CHANGED_AFTER).bind(row::count(seq)).bind(limit);
        let change = |row: SqliteRow| Ok(KeyChange { seq: row.try_get("changed")?, key: row::key(&row)? });
        self.call(changes.try_map(change).fetch_all(&self.readers)).await
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        self.call(async {
            let mut change = self.change().await?;
            let seq = record(&mut change, entry).await?;
            change.commit().await?;
            Ok(seq.cast_unsigned())
        })
        .await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        self.call(audit::page(&self.readers, query)).await
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        let records = sqlx::query(RECORDED_AFTER).bind(row::count(seq)).bind(limit);
        self.call(records.try_map(|row| row::audit_record(&row)).fetch_all(&self.readers)).await
    }
}
