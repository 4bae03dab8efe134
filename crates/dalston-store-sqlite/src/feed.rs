//! The change feed and the audit log.

use crate::{
    SqliteStore, audit,
    notifier::FileWatch,
    row::{self, audit_columns, key_columns},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditHash, AuditRecord, Timestamp};
use dalston_store::{
    AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, KeyChange, StoreResult,
};
use sqlx::{Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

const RECORD: &str =
    concat!("INSERT INTO audit (", audit_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

/// The end of the feed. The number comes from SQLite's own table of the numbers that `AUTOINCREMENT` assigned, which
/// may outlive the rows themselves.
macro_rules! end {
    () => {
        "end_seq, (SELECT hash FROM audit WHERE seq <= end_seq ORDER BY seq DESC LIMIT 1) AS end_link \
         FROM (SELECT ifnull(max(seq), 0) AS end_seq FROM sqlite_sequence WHERE name = 'audit')"
    };
}

pub(crate) const END: &str = concat!("SELECT ", end!());

/// One statement, so one consistent read: the link at the checkpoint, the end of the feed, and the keys after the
/// checkpoint, each with the link at its change. If there are none, one row without a key.
pub(crate) const CHANGED_AFTER: &str = concat!(
    "SELECT * FROM (SELECT (SELECT hash FROM audit WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1) AS mark_link, ",
    end!(),
    ") LEFT JOIN (SELECT ",
    key_columns!(),
    ", changed, (SELECT hash FROM audit WHERE seq = changed) AS link FROM keys WHERE changed > ?1 \
     ORDER BY changed LIMIT ?2)"
);

pub(crate) const RECORDED_AFTER: &str =
    concat!("SELECT ", audit_columns!(), " FROM audit WHERE seq > ? ORDER BY seq LIMIT ?");

/// Appends an audit record, links it to the previous one, and returns its sequence number.
pub(crate) async fn record(change: &mut SqliteConnection, entry: &AuditEntry) -> sqlx::Result<i64> {
    let last = end(&mut *change).await?;
    let mut record = AuditRecord::new(last.seq + 1, entry);
    record.hash = Some(record.link(last.link.unwrap_or(AuditHash::START)));
    let seq = row::count(record.seq);
    row::bind_audit(sqlx::query(RECORD), record).execute(change).await?;
    Ok(seq)
}

/// The end of the feed.
pub(crate) async fn end(database: impl SqliteExecutor<'_>) -> sqlx::Result<Checkpoint> {
    sqlx::query(END).try_map(|row| end_of(&row)).fetch_one(database).await
}

fn end_of(row: &SqliteRow) -> sqlx::Result<Checkpoint> {
    Ok(Checkpoint { seq: row.try_get("end_seq")?, link: row::hash_if_any(row, "end_link")? })
}

async fn changes(database: impl SqliteExecutor<'_>, after: &Checkpoint, limit: u32) -> sqlx::Result<ChangesResult> {
    let rows = sqlx::query(CHANGED_AFTER).bind(row::count(after.seq)).bind(limit).fetch_all(database).await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut later = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(seq) = row.try_get("changed")? {
            later.push((KeyChange { seq, key: row::key(row)? }, row::hash_if_any(row, "link")?));
        }
    }
    Ok(ChangesResult::after(after, row::hash_if_any(first, "mark_link")?, end_of(first)?, later, limit))
}

#[async_trait]
impl FeedStore for SqliteStore {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        self.call(end(&self.readers)).await
    }

    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult> {
        self.call(changes(&self.readers, after, limit)).await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.clock.now())
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        Ok(Box::new(FileWatch::open(self).await?))
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
