//! What changed.

use crate::{
    RedisStore,
    audit::{self, AuditArgument},
    row::{Row, argument},
    scripts::{AUDIT, CHANGES, SCRIPTS, SEQ},
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord};
use dalston_store::{AuditPage, AuditQuery, FeedStore, KeyChange, StoreResult};
use std::collections::HashMap;

#[async_trait]
impl FeedStore for RedisStore {
    async fn last_seq(&self) -> StoreResult<u64> {
        let seq: Option<u64> = self.link.call().ask(redis::cmd("GET").arg(SEQ)).await?;
        Ok(seq.unwrap_or(0))
    }

    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>> {
        let mut script = SCRIPTS.key_changes.key(CHANGES);
        let rows: Vec<Row> = self.link.call().run(script.arg(seq).arg(limit)).await?;
        let change = |row: Row| {
            let seq = u64::try_from(row.score?).ok()?;
            Some(KeyChange { seq, key: row.known_or_none()?.used.key })
        };
        Ok(rows.into_iter().filter_map(change).collect())
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        let given = argument(&AuditArgument::new(entry)?)?;
        self.link.call().run(SCRIPTS.record.prepare_invoke().arg(given)).await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        self.audit_page(&self.link.call(), query).await
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        let mut range = redis::cmd("XRANGE");
        range.arg(AUDIT).arg(seq.saturating_add(1)).arg("+").arg("COUNT").arg(limit);
        let entries: Vec<(String, HashMap<String, String>)> = self.link.call().ask(&range).await?;
        let record = |(number, mut fields): (String, HashMap<String, String>)| {
            let json = fields.remove("record").unwrap_or_default();
            audit::record(&number, &json, fields.remove("hash"))
        };
        entries.into_iter().map(record).collect()
    }
}
