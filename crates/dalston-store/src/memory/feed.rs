//! What changed, in memory.

use super::MemoryStore;
use crate::{AuditPage, AuditQuery, FeedStore, KeyChange, StoreResult};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord};

#[async_trait]
impl FeedStore for MemoryStore {
    async fn last_seq(&self) -> StoreResult<u64> {
        Ok(self.state().seq)
    }

    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>> {
        let state = self.state();
        let later = state.changes.range(seq + 1..).take(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(later
            .filter_map(|(seq, id)| state.keys.get(id).map(|row| KeyChange { seq: *seq, key: row.key.clone() }))
            .collect())
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        Ok(self.state().record(entry))
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        let state = self.state();
        let below = |record: &&AuditRecord| query.before.is_none_or(|before| record.seq < before);
        let mut found = state.audit.iter().rev().filter(below).filter(|record| query.asks_for(record));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let records: Vec<AuditRecord> = found.by_ref().take(limit).cloned().collect();
        let next = found.next().and_then(|_| records.last()).map(|last| last.seq);
        Ok(AuditPage { records, next })
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.state().audit.iter().filter(|record| record.seq > seq).take(limit).cloned().collect())
    }
}
