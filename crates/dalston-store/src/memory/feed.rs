//! The change feed and the audit log, in memory.

use super::{MemoryEngine, MemoryState};
use crate::{
    AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, KeyChange, StoreError, StoreResult,
};
use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditHash, AuditRecord, Timestamp};
use tokio::sync::watch;

impl<W> MemoryState<W> {
    /// The end of the feed.
    fn end(&self) -> Checkpoint {
        Checkpoint { seq: self.seq, link: self.link(self.seq) }
    }

    /// The link of the last record up to that number.
    fn link(&self, seq: u64) -> Option<AuditHash> {
        let records = self.audit.partition_point(|record| record.seq <= seq);
        self.audit[..records].last().and_then(|record| record.hash)
    }
}

/// Receives a notification for each change of a key.
struct MemoryNotifier(watch::Receiver<()>);

#[async_trait]
impl ChangeNotifier for MemoryNotifier {
    async fn next(&mut self) -> StoreResult<()> {
        self.0.changed().await.map_err(StoreError::unavailable)
    }
}

#[async_trait]
impl<W: Send> FeedStore for MemoryEngine<W> {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        Ok(self.state().end())
    }

    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult> {
        let state = self.state();
        let later = state.changes.range(after.seq.saturating_add(1)..);
        let later = later.take(usize::try_from(limit).unwrap_or(usize::MAX)).filter_map(|(seq, id)| {
            let change = KeyChange { seq: *seq, key: state.keys.get(id)?.key.clone() };
            Some((change, state.link(*seq)))
        });
        Ok(ChangesResult::after(after, state.link(after.seq), state.end(), later.collect(), limit))
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.clock.now())
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        Ok(Box::new(MemoryNotifier(self.state().changed.subscribe())))
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
