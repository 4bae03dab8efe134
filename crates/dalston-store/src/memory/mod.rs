//! The memory engine: the reference for all others. All data is lost when the process ends.

mod feed;
mod keys;
mod kv;
mod limits;
mod nodes;

pub use limits::MemoryCounter;

use crate::{AlreadyProcessed, IdempotencyKey, KeyStorage, PoolStats, StoreResult, TenantStore, UsageStore};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, AuditHash, AuditRecord, Cursor, Day, Key, KeyDigest, KeyId, NodeId, Page, PageRequest, SharedClock,
    Start, Tenant, TenantId, Timestamp, Usage, UsageDelta, UsageStep,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// A store in memory, with the clock that decides about expiry.
///
/// `W` is what a service keeps beside its keys, under the same lock. A service implements its own operations for its
/// `W`.
pub struct MemoryEngine<W> {
    clock: SharedClock,
    state: Mutex<MemoryState<W>>,
}

/// A key store in memory.
pub type MemoryStore = MemoryEngine<()>;

/// A key with its usage and the sequence number of its last change.
struct KeyRow {
    key: Key,
    seq: u64,
    usage: Usage,
    days: BTreeMap<Day, u64>,
}

/// A secret of a key. `expires_at` is set only on a secret that a rotation replaced.
struct SecretRow {
    key: KeyId,
    expires_at: Option<Timestamp>,
}

/// A key-value entry.
struct KvEntry {
    text: String,
    lapses_at: Timestamp,
}

/// All data of a [`MemoryEngine`]. Holding its guard means being in a transaction.
#[derive(Default)]
pub struct MemoryState<W> {
    /// The service's own data, beside the keys.
    pub work: W,
    seq: u64,
    keys: HashMap<KeyId, KeyRow>,
    secrets: HashMap<KeyDigest, SecretRow>,
    tenants: BTreeMap<TenantId, Tenant>,
    claims: HashMap<(String, String), (IdempotencyKey, String)>,
    changes: BTreeMap<u64, KeyId>,
    changed: watch::Sender<()>,
    audit: Vec<AuditRecord>,
    notes: HashMap<String, KvEntry>,
    /// The last usage step of each node: its number, and how many deltas it had.
    steps: HashMap<NodeId, (u64, u64)>,
}

impl<W: Default> MemoryEngine<W> {
    /// Creates a store that is empty except for the tenant `default`.
    pub fn new(clock: SharedClock) -> Self {
        let mut state = MemoryState::default();
        let tenant = Tenant { id: TenantId::default(), name: None, created_at: clock.now() };
        state.tenants.insert(tenant.id.clone(), tenant);
        Self { clock, state: Mutex::new(state) }
    }
}

impl<W> MemoryEngine<W> {
    /// Returns the time by the store's clock.
    pub fn time(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a transaction, which ends when the guard is dropped.
    ///
    /// There is no rollback: an operation makes all its checks first, and then all its changes.
    pub fn state(&self) -> MutexGuard<'_, MemoryState<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> MemoryState<W> {
    /// Returns whether the tenant exists.
    pub fn has_tenant(&self, id: &TenantId) -> bool {
        self.tenants.contains_key(id)
    }

    /// Returns the key of this id, of any tenant.
    pub fn key_of(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(&id).map(|row| &row.key)
    }

    /// Assigns the next sequence number, appends the audit record and links it to the previous one. Returns the number.
    pub fn record(&mut self, entry: &AuditEntry) -> u64 {
        self.seq += 1;
        let mut record = AuditRecord::new(self.seq, entry);
        let previous = self.audit.last().and_then(|last| last.hash).unwrap_or(AuditHash::START);
        record.hash = Some(record.link(previous));
        self.audit.push(record);
        self.seq
    }

    /// Records `seq` as the key's last change, and notifies the subscribers.
    fn number(&mut self, id: KeyId, seq: u64) {
        if let Some(row) = self.keys.get_mut(&id) {
            self.changes.remove(&std::mem::replace(&mut row.seq, seq));
            self.changes.insert(seq, id);
            self.changed.send_replace(());
        }
    }

    /// Returns the outcome recorded under this idempotency key, if there is one and it has not expired.
    pub fn repeated(&self, claim: Option<&IdempotencyKey>, now: Timestamp) -> Option<AlreadyProcessed> {
        let claim = claim?;
        let (then, target) = self.claims.get(&(claim.scope.clone(), claim.key.clone()))?;
        (then.expires_at > now)
            .then(|| AlreadyProcessed { target: target.clone(), same_payload: then.fingerprint == claim.fingerprint })
    }

    /// Records the idempotency key, if there is one, for the object of this id.
    pub fn claim(&mut self, claim: Option<&IdempotencyKey>, target: String) {
        if let Some(claim) = claim {
            self.claims.insert((claim.scope.clone(), claim.key.clone()), (claim.clone(), target));
        }
    }
}

/// Returns the requested page of `items`, newest first. `cursor` gives the cursor of an item, by which the items are
/// ordered.
pub fn sorted_page<T>(mut items: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
    let order = |item: &T| {
        let Cursor { created_at, id } = cursor(item);
        (created_at, id)
    };
    items.sort_by_key(|item| std::cmp::Reverse(order(item)));
    let skip = match &request.start {
        Start::Newest => 0,
        Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
        Start::After(after) => items.partition_point(|item| order(item) >= (after.created_at, after.id.clone())),
    };
    Page::cut(items.into_iter().skip(skip).collect(), request.limit, cursor)
}

#[async_trait]
impl<W: Send> TenantStore for MemoryEngine<W> {
    async fn insert_tenant(&self, tenant: &Tenant, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = self.state();
        if state.tenants.contains_key(&tenant.id) {
            return Ok(false);
        }
        state.tenants.insert(tenant.id.clone(), tenant.clone());
        state.record(entry);
        Ok(true)
    }

    async fn tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        Ok(self.state().tenants.get(id).cloned())
    }

    async fn tenants(&self, request: &PageRequest) -> StoreResult<Page<Tenant>> {
        let all = self.state().tenants.values().cloned().collect();
        Ok(sorted_page(all, request, |tenant| Cursor { created_at: tenant.created_at, id: tenant.id.to_string() }))
    }

    async fn tenant_count(&self) -> StoreResult<u64> {
        Ok(u64::try_from(self.state().tenants.len()).unwrap_or(u64::MAX))
    }
}

#[async_trait]
impl<W: Send> UsageStore for MemoryEngine<W> {
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
        let mut state = self.state();
        match state.steps.get(&step.node) {
            Some((last, taken)) if *last == step.number => return Ok(*taken),
            Some((last, _)) if *last > step.number => return Ok(0),
            _ => {}
        }
        let taken = u64::try_from(deltas.len()).unwrap_or(u64::MAX);
        state.steps.insert(step.node, (step.number, taken));
        for delta in deltas {
            let Some(row) = state.keys.get_mut(&delta.key) else { continue };
            row.usage.usage_count += delta.admitted;
            row.usage.refused.rate_limited += delta.refused.rate_limited;
            row.usage.refused.insufficient_scope += delta.refused.insufficient_scope;
            if delta.admitted > 0 {
                *row.days.entry(delta.day).or_default() += delta.admitted;
            }
            if let Some((at, from)) = delta.last_used
                && row.usage.last_used_at.is_none_or(|last| last < at)
            {
                row.usage.last_used_at = Some(at);
                row.usage.last_used_from = from;
            }
        }
        Ok(taken)
    }

    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>> {
        let state = self.state();
        let row = state.keys.get(&id).filter(|row| row.key.tenant == *tenant);
        Ok(row.map(|row| Usage {
            days: row.days.range(since..).rev().map(|(day, requests)| (*day, *requests)).collect(),
            ..row.usage.clone()
        }))
    }
}

#[async_trait]
impl<W: Send> KeyStorage for MemoryEngine<W> {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn probe(&self) -> StoreResult<()> {
        Ok(())
    }

    fn pool(&self) -> Option<PoolStats> {
        None
    }

    async fn close(&self) {}
}
