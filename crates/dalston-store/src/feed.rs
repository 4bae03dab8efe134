//! The change feed and the audit log. The store assigns a sequence number to every change. Sequence numbers only grow,
//! in commit order.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Action, Actor, AuditEntry, AuditHash, AuditRecord, Key, TenantId, Timestamp};
use std::time::Duration;

/// The last change of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyChange {
    /// The sequence number of the change.
    pub seq: u64,
    /// The present state of the key.
    pub key: Key,
}

/// A node's position in the change feed: a sequence number, and the link of the hash chain at that number.
///
/// The link detects that the history is a different one: a fail-over that lost the last changes, or a restored backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The sequence number of the last change that was read.
    pub seq: u64,
    /// The link of the last audit record up to that number. `None` if there is no record, or if the record is older
    /// than the chain.
    pub link: Option<AuditHash>,
}

impl Checkpoint {
    /// The position before the first change.
    pub const START: Self = Self { seq: 0, link: None };
}

/// The reply to a read of the change feed after a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangesResult {
    /// The record at the checkpoint is the one that the node read.
    Changes {
        /// The keys whose last change is after the checkpoint, in the order of those changes. A key that changed twice
        /// is listed once.
        changes: Vec<KeyChange>,
        /// The checkpoint to continue from: the last of these changes, or the end of the feed if there are no more.
        checkpoint: Checkpoint,
    },
    /// The record at the checkpoint is missing, or is a different one: everything that was read before is in doubt.
    ///
    /// Carries the end of the feed. A consumer discards what it has read, and continues either from there or, to see
    /// the keys of the new history, from [`Checkpoint::START`].
    Diverged(Checkpoint),
}

impl ChangesResult {
    /// Builds the reply to a read after a checkpoint, from one consistent read of the store.
    ///
    /// Takes the link that the feed has at the checkpoint, the end of the feed, and the first `limit` later changes in
    /// any order, each with the link at its number.
    pub fn after(
        checkpoint: &Checkpoint,
        link: Option<AuditHash>,
        end: Checkpoint,
        mut later: Vec<(KeyChange, Option<AuditHash>)>,
        limit: u32,
    ) -> Self {
        if checkpoint.seq > end.seq || checkpoint.link != link {
            return Self::Diverged(end);
        }
        later.sort_unstable_by_key(|(change, _)| change.seq);
        let more = usize::try_from(limit).is_ok_and(|limit| later.len() >= limit);
        let last = later.last().map(|(change, link)| Checkpoint { seq: change.seq, link: *link });
        let checkpoint = if more { last.unwrap_or(*checkpoint) } else { end };
        Self::Changes { changes: later.into_iter().map(|(change, _)| change).collect(), checkpoint }
    }
}

/// A query of the audit log. Results are newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only records of this tenant. `None`: of all tenants.
    pub tenant: Option<TenantId>,
    /// Only records of this actor.
    pub actor: Option<Actor>,
    /// Only records of this action.
    pub action: Option<Action>,
    /// Only records at or after this time.
    pub since: Option<Timestamp>,
    /// Only records before this time.
    pub until: Option<Timestamp>,
    /// Only records with a lower sequence number: the cursor from the previous page.
    pub before: Option<u64>,
    /// The maximum number of records in the page.
    pub limit: u32,
}

impl AuditQuery {
    /// The maximum number of records that an engine scans for one page, if no index covers the query.
    pub const REACH: u32 = 2_000;

    /// Returns whether the record matches the query. Ignores the cursor and the limit.
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
    /// The records, newest first. There may be fewer than `limit`, or none, although more follow.
    pub records: Vec<AuditRecord>,
    /// The `before` of the next page. `None` on the last page.
    pub next: Option<u64>,
}

impl AuditPage {
    /// Cuts a page from the records that were found: up to `limit + 1`, where the last one shows that more follow.
    ///
    /// `rest` is the `before` of the records that were not scanned.
    pub fn cut(mut records: Vec<AuditRecord>, limit: u32, rest: Option<u64>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let next = if more { records.last().map(|last| last.seq) } else { rest };
        Self { records, next }
    }
}

/// The operations on the change feed and the audit log.
#[async_trait]
pub trait FeedStore: Send + Sync {
    /// Returns the end of the feed: [`Checkpoint::START`] before the first change.
    async fn checkpoint(&self) -> StoreResult<Checkpoint>;

    /// Returns up to `limit` keys that changed after the checkpoint.
    ///
    /// Sequence numbers follow commit order, so no change appears later at or before the checkpoint that this call
    /// returned. Every read after this call sees the changes that it returned.
    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult>;

    /// Returns how long ago the address of the store was last seen to lead to the server whose feed is read. Zero for
    /// engines without an address.
    ///
    /// Call this before reading the feed: the changes read are then no staler than this age. If the age exceeds
    /// `within`, the engine checks the address again in the background.
    fn doubt(&self, within: Duration) -> Duration {
        let _ = within;
        Duration::ZERO
    }

    /// Returns the store's time, which decides when keys and secrets expire.
    async fn now(&self) -> StoreResult<Timestamp>;

    /// Subscribes to changes of keys, whichever node or program makes them.
    ///
    /// A consumer that subscribes first and then reads to the end of the feed misses nothing: [`ChangeNotifier::next`]
    /// completes for every change that [`FeedStore::key_changes`] did not return yet.
    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>>;

    /// Appends an audit record of an event that changes nothing in the store, and links it into the hash chain. Returns
    /// its sequence number.
    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64>;

    /// Returns a page of audit records. Scans a bounded number of records, however few match.
    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage>;

    /// Returns up to `limit` audit records of all tenants after `seq`, in order.
    ///
    /// Each record carries the link that was computed in the transaction that wrote it: [`AuditRecord::link`] of the
    /// link of the previous record.
    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>>;
}

/// Notifies that keys may have changed.
///
/// The changes themselves are read from the change feed. The consumer also polls the feed from time to time, because no
/// notification is guaranteed to arrive.
#[async_trait]
pub trait ChangeNotifier: Send {
    /// Waits until a key may have changed since the subscription, or since the change for which the last call
    /// completed. May complete early or spuriously. Cancel-safe: a call that is dropped loses no notification.
    ///
    /// There is no deadline. An error means that the subscription is dead and that the consumer must open another. The
    /// error is reported after about a second at most, even if the connection ends silently.
    async fn next(&mut self) -> StoreResult<()>;
}
