//! What changed: every change has a number from the store that only grows, in commit order.

use crate::StoreResult;
use async_trait::async_trait;
use dalston_model::{Action, Actor, AuditEntry, AuditHash, AuditRecord, Key, TenantId, Timestamp};
use std::time::Duration;

/// The last change of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyChange {
    /// The number of the change.
    pub seq: u64,
    /// The key, as it is now.
    pub key: Key,
}

/// Where a node has got to in the record of changes: a number, and the link of the chain there. By the link a history
/// is noticed that is another one: a fail-over that lost the last changes, a backup that was restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the last change that was read.
    pub seq: u64,
    /// The link of the last record up to that number; `None` when there is none, or it is older than the chain.
    pub link: Option<AuditHash>,
}

impl Checkpoint {
    /// Before the first change.
    pub const START: Self = Self { seq: 0, link: None };
}

/// What a node hears when it asks what changed after a mark.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangesResult {
    /// The record at the mark is the one that the node read.
    Changes {
        /// The keys whose last change is later, in the order of those changes. A key that changed twice is there once.
        changes: Vec<KeyChange>,
        /// Where to go on: at the last of them, or at the end of the record when there are no more.
        mark: Checkpoint,
    },
    /// The record at the mark is not there, or is another: all that was read before is in doubt. Goes on from this
    /// mark, which is the end of the record.
    Diverged(Checkpoint),
}

impl ChangesResult {
    /// What is heard after a mark, out of one consistent read: the link that the record has at the mark, the end of
    /// the record, and the first `limit` later changes in any order, each with the link at its number.
    pub fn after(
        mark: &Checkpoint,
        link: Option<AuditHash>,
        end: Checkpoint,
        mut later: Vec<(KeyChange, Option<AuditHash>)>,
        limit: u32,
    ) -> Self {
        if mark.seq > end.seq || mark.link != link {
            return Self::Diverged(end);
        }
        later.sort_unstable_by_key(|(change, _)| change.seq);
        let more = usize::try_from(limit).is_ok_and(|limit| later.len() >= limit);
        let last = later.last().map(|(change, link)| Checkpoint { seq: change.seq, link: *link });
        let mark = if more { last.unwrap_or(*mark) } else { end };
        Self::Changes { changes: later.into_iter().map(|(change, _)| change).collect(), mark }
    }
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
    /// The end of the record: [`Checkpoint::START`] before the first change.
    async fn checkpoint(&self) -> StoreResult<Checkpoint>;

    /// Up to `limit` keys that changed after the mark. Numbers follow commit order, so a later call finds nothing
    /// behind the mark that this one gave; and whatever is asked after this call sees the changes that it told of.
    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult>;

    /// How long ago it was last seen that the address of the store leads to the server whose record is read; zero where
    /// there is no address. Asked before the record is: what it tells then is as old as this. When it was longer ago than
    /// `within`, it is looked at once more, beside the answer.
    fn doubt(&self, within: Duration) -> Duration {
        let _ = within;
        Duration::ZERO
    }

    /// The store's time, which decides about ends.
    async fn now(&self) -> StoreResult<Timestamp>;

    /// Begins to listen for changes of keys, whoever makes them. Who opens it first and then reads to the end of the
    /// record misses nothing: for what [`FeedStore::key_changes`] does not tell of yet, [`ChangeNotifier::next`] ends.
    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>>;

    /// Records what changes nothing in the store, and links it into the chain. Gives its number.
    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64>;

    /// A page of audit records. Looks at a bounded number of them, however few are found.
    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage>;

    /// Up to `limit` audit records after `seq`, in order, whatever the tenant. Each carries the link that was made
    /// with it, in the same step: [`AuditRecord::link`] behind the link of the record before.
    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>>;
}

/// Tells that keys may have changed. What changed is asked of the store, and asked in any case from time to time: no
/// message is sure to arrive.
#[async_trait]
pub trait ChangeNotifier: Send {
    /// Waits until a key may have changed since this was opened, or since the change that it last ended for. It may
    /// end early or for nothing. Dropped before it ends, it loses nothing.
    ///
    /// There is no deadline. An error means that it hears nothing any more, and another must be opened: after about a
    /// second at most, also where the connection says nothing of its end.
    async fn next(&mut self) -> StoreResult<()>;
}
