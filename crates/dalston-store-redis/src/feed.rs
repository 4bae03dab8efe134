//! What changed.

use crate::{
    RedisStore,
    row::Row,
    scripts::{AUDIT, CHANGES, SCRIPTS, SEQ},
};
use async_trait::async_trait;
use dalston_model::AuditRecord;
use dalston_store::{FeedStore, KeyChange, StoreError, StoreResult};

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

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        let mut range = redis::cmd("XRANGE");
        range.arg(AUDIT).arg(seq.saturating_add(1)).arg("+").arg("COUNT").arg(limit);
        let entries: Vec<(String, (String, String))> = self.link.call().ask(&range).await?;
        entries.iter().map(|(number, (_, json))| record(number, json)).collect()
    }
}

fn record(number: &str, json: &str) -> StoreResult<AuditRecord> {
    let seq = number.split('-').next().and_then(|seq| seq.parse().ok());
    let record = serde_json::from_str::<AuditRecord>(json).ok();
    seq.zip(record)
        .map(|(seq, record)| AuditRecord { seq, ..record })
        .ok_or_else(|| StoreError::corrupt(format_args!("audit record {number}")))
}
