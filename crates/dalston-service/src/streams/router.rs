//! The router: assigns a session a slot of the least loaded worker, in one atomic operation of the store.

use crate::{ServiceResult, Shares, TakenPlace, TenantPresence, token};
use dalston_model::{AuditEntry, SharedClock, Source, TenantId, Timestamp};
use dalston_stream::{BuiltinWorker, StreamConfig, WorkerLink, connect};
use dalston_work::{
    NewSession, OpenSessionOutcome, SessionId, SharedWorkStorage, WorkAction, WorkTarget, Worker, WorkerId,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// TTL of a slot and of a registration. Slots and configured workers are renewed every `BEAT` (10 s).
pub(crate) const TTL: Duration = Duration::from_secs(30);
/// Prefix of the names of configured workers.
pub(crate) const FIXED: &str = "fixed.";
const BEAT: Duration = Duration::from_secs(10);
/// How long a worker that could not be reached is excluded.
const SHUNNED: Duration = Duration::from_secs(10);
/// Maximum time that a client waits for a reachable worker.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker from the configuration. It never expires while a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedWorker {
    /// The worker's name, which is the same on every node.
    pub id: WorkerId,
    /// The worker's URL.
    pub url: String,
    /// Maximum number of concurrent sessions.
    pub capacity: u32,
}

impl FixedWorker {
    /// Creates the worker with this URL. Returns `None` when it is not a WebSocket URL.
    ///
    /// The name consists of the host and a digest of the whole URL.
    pub fn new(url: &str, capacity: u32) -> Option<Self> {
        let (_, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "ws" | "wss"))?;
        let authority = rest.split(['/', '?']).next()?;
        let host = authority.rsplit('@').next().filter(|host| !host.is_empty())?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        let host: String = host.chars().take(40).map(plain).collect();
        let digest = token::hex(&Sha256::digest(url)[..4]);
        Some(Self { id: format!("{FIXED}{host}.{digest}").parse().ok()?, url: url.to_owned(), capacity })
    }
}

/// The workers that serve streams.
pub struct RouterParts {
    /// The built-in worker, which runs in this process.
    pub own: Arc<dyn BuiltinWorker>,
    /// Maximum number of concurrent streams of the built-in worker.
    pub own_streams: u32,
    /// Workers from the configuration.
    pub fixed: Vec<FixedWorker>,
}

/// An acquired slot of a session.
pub(super) struct SessionSlot {
    pub(super) link: WorkerLink,
    /// The place of the built-in worker, if it serves the session.
    pub(super) own: Option<TakenPlace<TenantId>>,
}

/// Assigns workers to sessions.
pub(super) struct Router {
    store: SharedWorkStorage,
    own: Arc<dyn BuiltinWorker>,
    /// The places of the built-in worker.
    places: Arc<Shares<TenantId>>,
    fixed: Vec<FixedWorker>,
    clock: SharedClock,
    kept: Mutex<Option<Timestamp>>,
    /// Workers that could not be reached, with the time of the failure. Bounded by the number of workers.
    dead: Mutex<HashMap<WorkerId, Timestamp>>,
}

impl Router {
    pub(super) fn new(
        store: SharedWorkStorage,
        parts: RouterParts,
        tenant_presence: Arc<TenantPresence>,
        clock: SharedClock,
    ) -> Self {
        let RouterParts { own, own_streams, fixed } = parts;
        let places = Shares::new(usize::try_from(own_streams).unwrap_or(usize::MAX), tenant_presence);
        Self { store, own, places, fixed, clock, kept: Mutex::default(), dead: Mutex::default() }
    }

    /// Acquires a slot of a worker and connects to it. Returns `None` when no reachable worker has a free slot.
    pub(super) async fn open(&self, session: &NewSession, config: &StreamConfig) -> ServiceResult<Option<SessionSlot>> {
        let begun = self.clock.now();
        let mut except = self.dead_ones(begun);
        let mut own = self.places.is_open(&session.tenant);
        // Each iteration tries another worker. The built-in worker is the last.
        while self.clock.now().since(begun) < PATIENCE {
            match self.store.open_session(session, own, &except, TTL).await? {
                OpenSessionOutcome::Worker(worker) => match connect(&worker.url, session.id, config).await {
                    Ok(link) => return Ok(Some(SessionSlot { link, own: None })),
                    Err(error) => {
                        tracing::warn!(
                            event = "worker.connect_failed",
                            worker = %worker.id,
                            %error,
                            "could not connect to a worker: trying another"
                        );
                        self.close(session.id).await?;
                        self.dead().insert(worker.id.clone(), self.clock.now());
                        except.push(worker.id);
                    }
                },
                OpenSessionOutcome::Own => {
                    if let Some(place) = self.places.take(&session.tenant) {
                        return Ok(Some(SessionSlot { link: self.own.serve(session.id, config), own: Some(place) }));
                    }
                    // A concurrent session has taken the place.
                    self.close(session.id).await?;
                    own = false;
                }
                OpenSessionOutcome::NoCapacity => return Ok(None),
                OpenSessionOutcome::Excess(excess) => return Err(excess.into()),
            }
        }
        Ok(None)
    }

    /// Returns the workers that could not be reached recently.
    fn dead_ones(&self, now: Timestamp) -> Vec<WorkerId> {
        let mut dead = self.dead();
        dead.retain(|_, at| *at <= now && now.since(*at) < SHUNNED);
        dead.keys().cloned().collect()
    }

    fn dead(&self) -> MutexGuard<'_, HashMap<WorkerId, Timestamp>> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of places of the built-in worker that are taken, and their total number.
    pub(super) fn builtin_load(&self) -> (usize, usize) {
        (self.places.count(), self.places.most())
    }

    /// Whether the registrations and the slots are due for renewal.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        // After the clock was set back, renewal is due at once.
        self.kept().is_none_or(|kept| now < kept || now.since(kept) >= BEAT)
    }

    /// Records that everything was renewed at `now`.
    pub(super) fn was_kept(&self, now: Timestamp) {
        *self.kept() = Some(now);
    }

    /// Registers the configured workers for [`TTL`]. Every node does so.
    pub(super) async fn register(&self) -> ServiceResult<()> {
        for FixedWorker { id, url, capacity } in &self.fixed {
            let worker = Worker {
                id: id.clone(),
                tenant: None,
                url: url.clone(),
                models: Vec::new(),
                languages: Vec::new(),
                capacity: *capacity,
            };
            let entry = AuditEntry {
                time: self.clock.now(),
                tenant: TenantId::default(),
                source: Source::gateway(),
                action: WorkAction::WORKER_REGISTERED,
                target: WorkTarget::Worker(id.clone()).into(),
                detail: json!({"capacity": capacity, "shared": true}),
            };
            if !self.store.put_worker(&worker, TTL, &entry).await? {
                tracing::error!(
                    event = "worker.name_taken",
                    worker = %id,
                    "a tenant's worker has the name of a fixed worker"
                );
            }
        }
        Ok(())
    }

    pub(super) async fn close(&self, id: SessionId) -> ServiceResult<()> {
        self.store.close_session(id).await?;
        Ok(())
    }

    /// Renews slots. Returns the sessions whose slots have expired.
    pub(super) async fn renew(&self, sessions: &[SessionId]) -> ServiceResult<Vec<SessionId>> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.renew_sessions(sessions, TTL).await?)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
