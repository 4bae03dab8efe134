//! The audit log: list, verify.

use crate::{ServiceError, ServiceResult};
use dalston_auth::{Need, Permit};
use dalston_model::{Action, Actor, AuditHash, PageLimit, Scope, Timestamp};
use dalston_store::{AuditPage, AuditQuery, SharedStore};
use tokio::sync::Mutex;

/// Records that are read at once.
const BATCH: u32 = 500;

/// Which records are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor.
    pub actor: Option<Actor>,
    /// Of this action.
    pub action: Option<Action>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Below this number.
    pub before: Option<u64>,
    /// How many.
    pub limit: PageLimit,
}

/// A record of the chain, by its number and its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number.
    pub seq: u64,
    /// The link.
    pub hash: AuditHash,
}

/// What came of following the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records whose links were checked.
    pub checked: u64,
    /// The first of them.
    pub first: Option<u64>,
    /// The last of them. Who notes it down can ask later whether it is still there.
    pub head: Option<Head>,
    /// The first record whose link is not what it should be.
    pub broken_at: Option<u64>,
}

/// The use cases on the audit log.
pub struct Audits {
    store: SharedStore,
    /// Following the chain reads it all: one at a time.
    following: Mutex<()>,
}

impl Audits {
    pub(crate) fn new(store: SharedStore) -> Self {
        Self { store, following: Mutex::default() }
    }

    /// A page of records: of the caller's tenant, for platform callers of all.
    pub async fn list(&self, permit: &Permit, filter: &AuditFilter) -> ServiceResult<AuditPage> {
        let all = permit.caller().may(Need::Scope(Scope::Platform));
        let AuditFilter { actor, action, since, until, before, limit } = *filter;
        let tenant = (!all).then(|| permit.tenant().clone());
        let query = AuditQuery { tenant, actor, action, since, until, before, limit: limit.get() };
        Ok(self.store.audit(&query).await?)
    }

    /// Follows the chain from its beginning to its end, over all tenants. With `known`, a head that an earlier
    /// verification gave, the chain is broken unless it is still part of it: an end that was cut off shows no other way.
    ///
    /// A store that is older than the chain has records without a link, up to the one below `first`; anywhere else a
    /// record without one was tampered with.
    pub async fn verify(&self, _permit: &Permit, known: Option<Head>, first: u64) -> ServiceResult<Verified> {
        let Ok(_one) = self.following.try_lock() else {
            return Err(ServiceError::Conflict("The audit log is being verified already".into()));
        };
        let mut verified = Verified { checked: 0, first: None, head: None, broken_at: None };
        let (mut after, mut missing) = (0, known);
        loop {
            let records = self.store.audit_after(after, BATCH).await?;
            let Some(last) = records.last() else { break };
            after = last.seq;
            for record in records {
                if record.hash.is_none() && record.seq < first {
                    continue;
                }
                let previous = verified.head.map_or(AuditHash::START, |head| head.hash);
                let hash = record.link(previous);
                if record.hash != Some(hash) || missing.is_some_and(|it| it.seq == record.seq && it.hash != hash) {
                    return Ok(Verified { broken_at: Some(record.seq), ..verified });
                }
                missing = missing.filter(|it| it.seq != record.seq);
                verified.checked += 1;
                verified.first = verified.first.or(Some(record.seq));
                verified.head = Some(Head { seq: record.seq, hash });
            }
        }
        verified.broken_at = missing.map(|head| head.seq);
        Ok(verified)
    }
}
