//! What changed: every change has a number from the store that only grows, in commit order.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Action, Actor, AuditEntry, AuditRecord, Key, TenantId, Timestamp};

/// The last change of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyChange {
    /// The number of the change.
    pub seq: u64,
    /// The key, as it is now.
    pub key: Key,
}

/// Which audit records are asked for, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this tenant; `None`: of all.
    pub tenant: Option<TenantId>,
    /// By this actor.
    pub actor: Option<Actor>,
    /// Of this action.
    pub action: Option<Action>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Below this number: where the page before ended.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: u32,
}

impl AuditQuery {
    /// How many records an engine looks at for a page, where no index leads to those that are asked for.
    pub const REACH: u32 = 2_000;

    /// Whether the record is among those that are asked for, wherever the page begins.
    pub fn asks_for(&self, record: &AuditRecord) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == record.tenant_id)
            && self.actor.is_none_or(|actor| actor.kind() == record.actor_kind && actor.id() == record.actor_id)
            && self.action.is_none_or(|action| action.as_str() == record.action)
            && self.since.is_none_or(|since| since <= record.time)
            && self.until.is_none_or(|until| record.time < until)
    }
}

/// A page of audit records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditPage {
    /// The records, newest first. May be fewer than were asked for, or none, though there are more.
    pub records: Vec<AuditRecord>,
    /// The `before` of the next page, unless this was the last.
    pub next: Option<u64>,
}

impl AuditPage {
    /// The page out of the records that were found, one more than `limit` if there are more. `rest`: the `before` of
    /// those that were not looked at.
    pub fn cut(mut records: Vec<AuditRecord>, limit: u32, rest: Option<u64>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let next = if more { records.last().map(|last| last.seq) } else { rest };
        Self { records, next }
    }
}

/// The steps on the record of changes.
#[async_trait]
pub trait FeedStore: Send + Sync {
    /// The number of the last change; 0 before the first.
    async fn last_seq(&self) -> StoreResult<u64>;

    /// Up to `limit` keys whose last change is later than `seq`, in the order of those changes. A key that changed
    /// twice is there once.
    async fn key_changes(&self, seq: u64, limit: u32) -> StoreResult<Vec<KeyChange>>;

    /// Records what changes nothing in the store, and links it into the chain. Gives its number.
    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64>;

    /// A page of audit records. Looks at a bounded number of them, however few are found.
    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage>;

    /// Up to `limit` audit records after `seq`, in order, whatever the tenant. Each carries the link that was made
    /// with it, in the same step: [`AuditRecord::link`] behind the link of the record before.
    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>>;
}
