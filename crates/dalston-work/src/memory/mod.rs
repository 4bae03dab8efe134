//! In-memory engine for the transcription service, next to the keys of [`dalston_store::MemoryEngine`]. It is the
//! reference for all other engines.

mod jobs;
mod meter;
mod queue;
mod sessions;
mod webhooks;

use crate::{
    Delivery, DeliveryId, Job, JobId, Quota, QuotaOwner, SessionId, Webhook, WebhookId, WebhookSecret, Worker, WorkerId,
};
use dalston_model::{Day, KeyId, TenantId, Timestamp};
use dalston_store::MemoryState;
use std::{
    collections::{BTreeMap, HashMap},
    ops::{Deref, DerefMut},
    sync::MutexGuard,
};

/// An in-memory store of keys and of the transcription service's data. All data is lost when the process ends.
pub type MemoryWorkStore = dalston_store::MemoryEngine<WorkTables>;

/// Queue state of a job.
#[derive(Debug)]
struct QueueEntry {
    due_at: Timestamp,
    fence: u64,
    /// Expiry of the lease; set while the job is leased.
    lease_ends: Option<Timestamp>,
    reserved_ms: u64,
    deaths: u64,
}

impl QueueEntry {
    const fn new(due_at: Timestamp, reserved_ms: u64) -> Self {
        Self { due_at, fence: 0, lease_ends: None, reserved_ms, deaths: 0 }
    }
}

/// A registered worker.
#[derive(Debug)]
struct RegisteredWorker {
    worker: Worker,
    lapses_at: Timestamp,
}

/// An open session.
#[derive(Debug)]
struct SessionRow {
    tenant: TenantId,
    key: Option<KeyId>,
    worker: Option<WorkerId>,
    lapses_at: Timestamp,
}

/// A webhook with its secrets: the current one, and the previous one with its expiry.
#[derive(Debug)]
struct WebhookRow {
    webhook: Webhook,
    secret: WebhookSecret,
    old: Option<(WebhookSecret, Timestamp)>,
}

/// Tables of a [`MemoryWorkStore`] in addition to those of the keys.
#[derive(Debug, Default)]
pub struct WorkTables {
    jobs: HashMap<JobId, Job>,
    queue: HashMap<JobId, QueueEntry>,
    /// Number of the last turn given to any tenant, and the last one of each tenant.
    serving: u64,
    served: HashMap<TenantId, u64>,
    /// Retention of ended jobs, in days.
    retention: HashMap<TenantId, u32>,
    quotas: HashMap<QuotaOwner, Quota>,
    /// Milliseconds of audio: of jobs, of streams.
    meter: HashMap<(QuotaOwner, Day), (u64, u64)>,
    workers: BTreeMap<WorkerId, RegisteredWorker>,
    sessions: HashMap<SessionId, SessionRow>,
    webhooks: HashMap<WebhookId, WebhookRow>,
    deliveries: HashMap<DeliveryId, Delivery>,
}

/// A transaction: holds the lock on all tables.
struct WorkTransaction<'a>(MutexGuard<'a, MemoryState<WorkTables>>);

impl<'a> WorkTransaction<'a> {
    fn of(store: &'a MemoryWorkStore) -> Self {
        Self(store.state())
    }
}

impl Deref for WorkTransaction<'_> {
    type Target = MemoryState<WorkTables>;

    fn deref(&self) -> &MemoryState<WorkTables> {
        &self.0
    }
}

impl DerefMut for WorkTransaction<'_> {
    fn deref_mut(&mut self) -> &mut MemoryState<WorkTables> {
        &mut self.0
    }
}
