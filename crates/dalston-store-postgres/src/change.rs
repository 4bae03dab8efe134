//! A change: a transaction with a change number and an audit record.

use crate::{pooled_connection::PooledConnection, record};
use dalston_model::{AuditEntry, AuditHash, AuditRecord, KeyAction, Source, Target, TenantId, Timestamp};
use serde_json::Value;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

/// A change in progress. Dropping it rolls it back.
pub(crate) struct Change<'c> {
    transaction: Transaction<'c, Postgres>,
    seq: i64,
}

impl<'c> Change<'c> {
    /// Begins a change and takes the next number. The lock on the row `seq` serialises changes: until this one ends, no
    /// other runs, so what it reads cannot change before it writes.
    pub(crate) async fn begin(lease: &'c mut PooledConnection) -> sqlx::Result<Self> {
        let mut transaction = lease.begin().await?;
        let sql = "UPDATE meta SET value = value + 1 WHERE name = 'seq' RETURNING value";
        let seq = sqlx::query_scalar(sql).fetch_one(&mut *transaction).await?;
        Ok(Self { transaction, seq })
    }

    /// Returns the number of the change.
    pub(crate) const fn seq(&self) -> i64 {
        self.seq
    }

    /// Returns the connection, inside the transaction.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Writes the audit record, linked to the previous one, and commits.
    pub(crate) async fn commit(mut self, entry: &AuditEntry) -> sqlx::Result<()> {
        let mut written = AuditRecord::new(self.seq.cast_unsigned(), entry);
        let previous = record::last_link(self.conn()).await?.unwrap_or(AuditHash::START);
        written.hash = Some(written.link(previous));
        record::insert(self.conn(), &written).await?;
        self.transaction.commit().await
    }

    /// Writes an audit record as every change does, and rolls it back. Tests that the audit table accepts writes: it
    /// may be out of disk space where other tables are not.
    pub(crate) async fn test_audit_write(&mut self) -> sqlx::Result<()> {
        let entry = AuditEntry {
            time: Timestamp::from_secs(0),
            tenant: TenantId::default(),
            source: Source::gateway(),
            action: KeyAction::TENANT_CREATED,
            target: Target::tenant(&TenantId::default()),
            detail: Value::Null,
        };
        let written = AuditRecord::new(self.seq.cast_unsigned(), &entry);
        let mut within = self.transaction.begin().await?;
        record::insert(&mut within, &written).await?;
        within.rollback().await
    }

    /// Commits without an audit record, and gives the change number back: no other transaction has seen it.
    pub(crate) async fn commit_unrecorded(mut self) -> sqlx::Result<()> {
        sqlx::query("UPDATE meta SET value = value - 1 WHERE name = 'seq'").execute(self.conn()).await?;
        self.transaction.commit().await
    }
}
