//! The change feed and the audit log, in Postgres.

use crate::{
    PostgresStore, audit,
    change::Change,
    error::NoPrimary,
    notifier::Listener,
    pg_timestamp::PgTimestamp,
    record::behind,
    row,
    row::{audit_columns, key_columns},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord, Timestamp};
use dalston_store::{
    AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, KeyChange, StoreResult,
};
use sqlx::{Row, postgres::PgRow};
use std::time::Duration;

/// The end of the audit log, and whether the server is read-only: if so, it may lag behind the primary.
macro_rules! end_columns {
    () => {
        "value AS end_seq, (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) AS end_link, \
         pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only"
    };
}

const END: &str = concat!("SELECT ", end_columns!(), " FROM meta WHERE name = 'seq'");

/// Reads the end of the log, the chain link at the checkpoint, and the keys that changed after it, each with the link
/// of its change. One statement, so all of it is one snapshot. Returns one row without a key if no key changed.
const CHANGED_AFTER: &str = concat!(
    "SELECT * FROM (SELECT ",
    end_columns!(),
    ", (SELECT hash FROM audit WHERE seq <= $1 ORDER BY seq DESC LIMIT 1) AS mark_link \
     FROM meta WHERE meta.name = 'seq') AS mark LEFT JOIN (SELECT ",
    key_columns!(),
    ", changed, (SELECT hash FROM audit WHERE seq = changed) AS link FROM keys WHERE changed > $1 \
     ORDER BY changed LIMIT $2) AS later ON true"
);

/// Reads the end of the log. An answer of a server that is not a primary counts as none.
fn end(row: &PgRow) -> sqlx::Result<Checkpoint> {
    if row.try_get("read_only")? {
        return Err(NoPrimary::ReadOnly.into());
    }
    Ok(Checkpoint { seq: row::count(row, "end_seq")?, link: row::hash(row, "end_link")? })
}

/// Decodes the rows of `CHANGED_AFTER`.
fn heard(after: &Checkpoint, rows: &[PgRow], limit: u32) -> sqlx::Result<ChangesResult> {
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut later = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<Option<i64>, _>("changed")?.is_some() {
            later.push((KeyChange { seq: row::count(row, "changed")?, key: row::key(row)? }, row::hash(row, "link")?));
        }
    }
    Ok(ChangesResult::after(after, row::hash(first, "mark_link")?, end(first)?, later, limit))
}

#[async_trait]
impl FeedStore for PostgresStore {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        self.call(async { sqlx::query(END).try_map(|row| end(&row)).fetch_one(&mut *self.lease().await?).await }).await
    }

    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult> {
        self.call(async {
            let ask = || async {
                let query = sqlx::query(CHANGED_AFTER).bind(behind(after.seq)).bind(i64::from(limit));
                heard(after, &query.fetch_all(&mut *self.lease().await?).await?, limit)
            };
            let heard = ask().await?;
            if matches!(heard, ChangesResult::Changes { .. }) {
                return Ok(heard);
            }
            // The log diverged, or the connection leads to another server than the one whose log was read. Ask once
            // more on a new connection.
            self.link.end_epoch(self.link.dialer().epochs.present());
            ask().await
        })
        .await
    }

    fn doubt(&self, within: Duration) -> Duration {
        self.link.doubt(within)
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.call(async {
            let now = sqlx::query_scalar("SELECT coalesce($1, clock_timestamp())").bind(self.now());
            let PgTimestamp(now) = now.fetch_one(&mut *self.lease().await?).await?;
            Ok(now)
        })
        .await
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        Ok(Box::new(Listener::open(self).await?))
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
