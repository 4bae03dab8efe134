//! The change feed of keys that another program manages: an empty one.

use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord, SharedClock, Timestamp};
use dalston_store::{AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, StoreResult};
use std::future::pending;

/// A change feed without changes. Audit entries are logged instead of stored, so that memory does not grow.
pub(crate) struct Unrecorded {
    pub(crate) clock: SharedClock,
}

/// A notifier that never returns, because there are no changes.
struct NoChanges;

#[async_trait]
impl ChangeNotifier for NoChanges {
    async fn next(&mut self) -> StoreResult<()> {
        pending().await
    }
}

#[async_trait]
impl FeedStore for Unrecorded {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        Ok(Checkpoint::START)
    }

    async fn key_changes(&self, _: &Checkpoint, _: u32) -> StoreResult<ChangesResult> {
        Ok(ChangesResult::Changes { changes: Vec::new(), checkpoint: Checkpoint::START })
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.clock.now())
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        Ok(Box::new(NoChanges))
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        let (action, actor) = (entry.action.as_str(), entry.source.actor.kind());
        tracing::info!(
            event = "audit.unrecorded",
            action,
            actor,
            address = ?entry.source.address,
            detail = %entry.detail,
            "audit record without a store"
        );
        Ok(0)
    }

    async fn audit(&self, _: &AuditQuery) -> StoreResult<AuditPage> {
        Ok(AuditPage::default())
    }

    async fn audit_after(&self, _: u64, _: u32) -> StoreResult<Vec<AuditRecord>> {
        Ok(Vec::new())
    }
}
