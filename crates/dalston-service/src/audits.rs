//! The audit log: list, verify.

use crate::{ServiceError, ServiceResult, Shares};
use dalston_auth::{Permit, Requirement, rights};
use dalston_model::{Action, Actor, AuditHash, PageLimit, Scope, TenantId, Timestamp};
use dalston_store::{AuditPage, AuditQuery};
use dalston_work::SharedWorkStorage;
use std::sync::Arc;

/// Records that are read at once.
const BATCH: u32 = 500;
/// Following the chain reads it all: so many do at once, one of each tenant.
const AT_ONCE: usize = 2;

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
pub struct ChainHead {
    /// The number.
    pub seq: u64,
    /// The link.
    pub hash: AuditHash,
}

/// What came of following the chain, of the records that the caller may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainVerification {
    /// Whether all links are what they should be, whoever's the records are.
    pub is_intact: bool,
    /// Records whose links were checked.
    pub checked: u64,
    /// The first of them.
    pub first: Option<u64>,
    /// The last of them. Who notes it down can ask later whether it is still there.
    pub head: Option<ChainHead>,
    /// The first record whose link is not what it should be.
    pub broken_at: Option<u64>,
}

/// The use cases on the audit log.
pub struct Audits {
    store: SharedWorkStorage,
    following: Arc<Shares<TenantId>>,
}

impl Audits {
    pub(crate) fn new(store: SharedWorkStorage) -> Self {
        Self { store, following: Shares::of_callers(AT_ONCE) }
    }

    /// A page of records: of the caller's tenant, for platform callers of all.
    pub async fn list(&self, permit: &Permit<rights::Admin>, filter: &AuditFilter) -> ServiceResult<AuditPage> {
        let all = permit.caller().may(Requirement::Scope(Scope::Platform));
        let AuditFilter { actor, action, since, until, before, limit } = *filter;
        let tenant = (!all).then(|| permit.tenant().clone());
        let query = AuditQuery { tenant, actor, action, since, until, before, limit: limit.get() };
        Ok(self.store.audit(&query).await?)
    }

    /// Follows the chain from its beginning to its end, over all tenants. With `known`, a head that an earlier
    /// verification gave, the chain is broken unless it is still part of it: an end that was cut off shows no other way.
    /// Who is no platform caller learns of the own tenant's records, and whether the whole is intact.
    ///
    /// A store that is older than the chain has records without a link, up to the one below `first`; anywhere else a
    /// record without one was tampered with.
    pub async fn verify(
        &self,
        permit: &Permit<rights::Admin>,
        known: Option<ChainHead>,
        first: u64,
    ) -> ServiceResult<ChainVerification> {
        let busy = || ServiceError::Conflict("The audit log is being verified already".into());
        let _place = self.following.take(permit.tenant()).ok_or_else(busy)?;
        let sees_all = permit.caller().may(Requirement::Scope(Scope::Platform));
        let mut verified = ChainVerification::default();
        let (mut after, mut missing, mut previous) = (0, known, AuditHash::START);
        loop {
            let records = self.store.audit_after(after, BATCH).await?;
            let Some(last) = records.last() else { break };
            after = last.seq;
            for record in records {
                if record.hash.is_none() && record.seq < first {
                    continue;
                }
                let is_shown = sees_all || record.tenant_id == permit.tenant().as_str();
                let hash = record.link(previous);
                if record.hash != Some(hash) || missing.is_some_and(|it| it.seq == record.seq && it.hash != hash) {
                    verified.broken_at = is_shown.then_some(record.seq);
                    return Ok(verified);
                }
                missing = missing.filter(|it| it.seq != record.seq);
                previous = hash;
                if is_shown {
                    verified.checked += 1;
                    verified.first = verified.first.or(Some(record.seq));
                    verified.head = Some(ChainHead { seq: record.seq, hash });
                }
            }
        }
        // The caller named it.
        verified.broken_at = missing.map(|head| head.seq);
        verified.is_intact = missing.is_none();
        Ok(verified)
    }
}
