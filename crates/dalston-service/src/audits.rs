//! The audit log: list records, verify the hash chain.

use crate::{ServiceError, ServiceResult, Shares};
use dalston_auth::{Permit, Requirement, rights};
use dalston_model::{Action, Actor, AuditHash, PageLimit, Scope, TenantId, Timestamp};
use dalston_store::{AuditPage, AuditQuery};
use dalston_work::SharedWorkStorage;
use std::sync::Arc;

/// Number of records read per call of the store.
const BATCH: u32 = 500;
/// Maximum number of concurrent verifications, one per tenant. A verification reads the whole log.
const AT_ONCE: usize = 2;

/// A filter for audit records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only records of this actor.
    pub actor: Option<Actor>,
    /// Only records of this action.
    pub action: Option<Action>,
    /// Only records at or after this time.
    pub since: Option<Timestamp>,
    /// Only records before this time.
    pub until: Option<Timestamp>,
    /// Only records with a sequence number below this one.
    pub before: Option<u64>,
    /// Maximum number of records.
    pub limit: PageLimit,
}

/// A position in the hash chain: the sequence number of a record, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The sequence number.
    pub seq: u64,
    /// The hash, which includes the hash of the record before.
    pub hash: AuditHash,
}

/// The result of a verification, limited to the records that the caller may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainVerification {
    /// Whether all hashes are correct, over the records of all tenants.
    pub is_intact: bool,
    /// Number of records whose hash was verified.
    pub checked: u64,
    /// The sequence number of the first of them.
    pub first: Option<u64>,
    /// The last of them. A caller that stores it can verify later that it is still part of the chain.
    pub head: Option<ChainHead>,
    /// The sequence number of the first record whose hash is wrong.
    pub broken_at: Option<u64>,
}

/// The use cases for the audit log.
pub struct Audits {
    store: SharedWorkStorage,
    following: Arc<Shares<TenantId>>,
}

impl Audits {
    pub(crate) fn new(store: SharedWorkStorage) -> Self {
        Self { store, following: Shares::of_callers(AT_ONCE) }
    }

    /// Lists a page of records: of the caller's tenant, or of all tenants for platform callers.
    pub async fn list(&self, permit: &Permit<rights::Admin>, filter: &AuditFilter) -> ServiceResult<AuditPage> {
        let all = permit.caller().may(Requirement::Scope(Scope::Platform));
        let AuditFilter { actor, action, since, until, before, limit } = *filter;
        let tenant = (!all).then(|| permit.tenant().clone());
        let query = AuditQuery { tenant, actor, action, since, until, before, limit: limit.get() };
        Ok(self.store.audit(&query).await?)
    }

    /// Verifies the hash chain from start to end, over all tenants.
    ///
    /// `known` is the head that an earlier verification returned. If it is no longer part of the chain, the chain is
    /// broken: truncation cannot be detected in any other way.
    ///
    /// A caller without platform scope sees only its own tenant's records in the result, and whether the whole chain is
    /// intact.
    ///
    /// A store that is older than the chain has records without a hash, with sequence numbers below `first`. Any other
    /// record without a hash was tampered with.
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
        // The caller supplied this sequence number, so it may see it.
        verified.broken_at = missing.map(|head| head.seq);
        verified.is_intact = missing.is_none();
        Ok(verified)
    }
}
