//! The memory engine: the reference for all others. Everything is gone when the process ends.

mod feed;
mod jobs;
mod keys;
mod limits;
mod meter;
mod nodes;
mod notes;
mod queue;
mod sessions;
mod webhooks;

pub use limits::MemoryCounter;

use crate::{Claim, PoolFigures, Repeated, Store, StoreResult, TenantStore, UsageStore};
use async_trait::async_trait;
use dalston_model::{
    AuditEntry, AuditHash, AuditRecord, Cursor, Day, Delivery, DeliveryId, Job, JobId, Key, KeyDigest, KeyId, NodeId,
    Page, PageRequest, Quota, SessionId, SharedClock, Start, Subject, Tenant, TenantId, Timestamp, Usage, UsageDelta,
    UsageStep, Webhook, WebhookId, WebhookSecret, Worker, WorkerId,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// A store in memory, with the clock that decides about ends.
pub struct MemoryStore {
    clock: SharedClock,
    state: Mutex<State>,
}

/// A key with what lives beside it.
struct KeyRow {
    key: Key,
    seq: u64,
    usage: Usage,
    days: BTreeMap<Day, u64>,
}

/// A secret of a key.
struct Secret {
    key: KeyId,
    expires_at: Option<Timestamp>,
}

/// A note.
struct Note {
    text: String,
    lapses_at: Timestamp,
}

/// What the queue knows of a job.
struct Queued {
    due_at: Timestamp,
    fence: u64,
    /// Set while it is leased.
    lease_ends: Option<Timestamp>,
    reserved_ms: u64,
    deaths: u64,
}

impl Queued {
    const fn new(due_at: Timestamp, reserved_ms: u64) -> Self {
        Self { due_at, fence: 0, lease_ends: None, reserved_ms, deaths: 0 }
    }
}

/// A registered worker.
struct Beating {
    worker: Worker,
    lapses_at: Timestamp,
}

/// An open session.
struct Session {
    tenant: TenantId,
    key: Option<KeyId>,
    worker: Option<WorkerId>,
    lapses_at: Timestamp,
}

/// A webhook with its secrets: the current one, and the one before with its end.
struct WebhookRow {
    webhook: Webhook,
    secret: WebhookSecret,
    old: Option<(WebhookSecret, Timestamp)>,
}

#[derive(Default)]
struct State {
    seq: u64,
    keys: HashMap<KeyId, KeyRow>,
    secrets: HashMap<KeyDigest, Secret>,
    tenants: BTreeMap<TenantId, Tenant>,
    jobs: HashMap<JobId, Job>,
    claims: HashMap<(String, String), (Claim, String)>,
    changes: BTreeMap<u64, KeyId>,
    changed: watch::Sender<()>,
    audit: Vec<AuditRecord>,
    notes: HashMap<String, Note>,
    queue: HashMap<JobId, Queued>,
    /// The last step of usage of each node: its number, and how many deltas it had.
    steps: HashMap<NodeId, (u64, u64)>,
    /// Turns given to tenants so far, and the last one of each.
    serving: u64,
    served: HashMap<TenantId, u64>,
    quotas: HashMap<Subject, Quota>,
    /// Milliseconds of jobs and of streams.
    meter: HashMap<(Subject, Day), (u64, u64)>,
    workers: BTreeMap<WorkerId, Beating>,
    sessions: HashMap<SessionId, Session>,
    webhooks: HashMap<WebhookId, WebhookRow>,
    deliveries: HashMap<DeliveryId, Delivery>,
}

impl MemoryStore {
    /// An empty store that holds the tenant `default`.
    pub fn new(clock: SharedClock) -> Self {
        let mut state = State::default();
        let tenant = Tenant { id: TenantId::default(), name: None, created_at: clock.now(), retention_days: None };
        state.tenants.insert(tenant.id.clone(), tenant);
        Self { clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Numbers a change, records it and links it to the one before.
    fn record(&mut self, entry: &AuditEntry) -> u64 {
        self.seq += 1;
        let mut record = AuditRecord::new(self.seq, entry);
        let previous = self.audit.last().and_then(|last| last.hash).unwrap_or(AuditHash::START);
        record.hash = Some(record.link(previous));
        self.audit.push(record);
        self.seq
    }

    /// Numbers the last change of the key, and tells whoever listens.
    fn number(&mut self, id: KeyId, seq: u64) {
        if let Some(row) = self.keys.get_mut(&id) {
            self.changes.remove(&std::mem::replace(&mut row.seq, seq));
            self.changes.insert(seq, id);
            self.changed.send_replace(());
        }
    }

    /// What the claim made before, if it was made and has not lapsed.
    fn repeated(&self, claim: Option<&Claim>, now: Timestamp) -> Option<Repeated> {
        let claim = claim?;
        let (then, target) = self.claims.get(&(claim.scope.clone(), claim.key.clone()))?;
        (then.expires_at > now)
            .then(|| Repeated { target: target.clone(), same_payload: then.fingerprint == claim.fingerprint })
    }

    fn claim(&mut self, claim: Option<&Claim>, target: String) {
        if let Some(claim) = claim {
            self.claims.insert((claim.scope.clone(), claim.key.clone()), (claim.clone(), target));
        }
    }
}

/// The page of `items` that is asked for.
fn page<T>(mut items: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
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
impl TenantStore for MemoryStore {
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
        Ok(page(all, request, |tenant| Cursor { created_at: tenant.created_at, id: tenant.id.to_string() }))
    }

    async fn tenant_count(&self) -> StoreResult<u64> {
        Ok(u64::try_from(self.state().tenants.len()).unwrap_or(u64::MAX))
    }

    async fn set_retention(&self, id: &TenantId, days: Option<u32>, entry: &AuditEntry) -> StoreResult<bool> {
        let mut state = self.state();
        let Some(tenant) = state.tenants.get_mut(id) else { return Ok(false) };
        tenant.retention_days = days;
        state.record(entry);
        Ok(true)
    }
}

#[async_trait]
impl UsageStore for MemoryStore {
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
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn probe(&self) -> StoreResult<()> {
        Ok(())
    }

    fn pool(&self) -> Option<PoolFigures> {
        None
    }

    async fn close(&self) {}
}
