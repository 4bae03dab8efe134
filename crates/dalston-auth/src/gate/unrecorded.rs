//! The record of changes of keys that another program manages: there is none.

use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord, SharedClock, Timestamp};
use dalston_store::{AuditPage, AuditQuery, FeedStore, Heard, Mark, StoreResult, Wakes};
use std::future::pending;

/// A record that never changes. What would be written to it goes into the log, so that nothing grows in memory.
pub(crate) struct Unrecorded {
    pub(crate) clock: SharedClock,
}

/// Never ends: nobody tells of a change.
struct Silence;

#[async_trait]
impl Wakes for Silence {
    async fn next(&mut self) -> StoreResult<()> {
        pending().await
    }
}

#[async_trait]
impl FeedStore for Unrecorded {
    async fn mark(&self) -> StoreResult<Mark> {
        Ok(Mark::START)
    }

    async fn key_changes(&self, _: &Mark, _: u32) -> StoreResult<Heard> {
        Ok(Heard::Changes { changes: Vec::new(), mark: Mark::START })
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.clock.now())
    }

    async fn wakes(&self) -> StoreResult<Box<dyn Wakes>> {
        Ok(Box::new(Silence))
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        let (action, actor) = (entry.action.as_str(), entry.source.actor.kind());
        tracing::info!(action, actor, address = ?entry.source.address, detail = %entry.detail, "not recorded in a store");
        Ok(0)
    }

    async fn audit(&self, _: &AuditQuery) -> StoreResult<AuditPage> {
        Ok(AuditPage::default())
    }

    async fn audit_after(&self, _: u64, _: u32) -> StoreResult<Vec<AuditRecord>> {
        Ok(Vec::new())
    }
}
