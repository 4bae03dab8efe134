//! The router: a slot of the worker that has the least to do, in one step of the store.

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

/// A slot or a registration is held for so long, and prolonged so often.
pub(crate) const TTL: Duration = Duration::from_secs(30);
/// How the names of workers of the settings begin.
pub(crate) const FIXED: &str = "fixed.";
const BEAT: Duration = Duration::from_secs(10);
/// A worker that could not be reached is not asked again for so long.
const SHUNNED: Duration = Duration::from_secs(10);
/// A client waits so long for a worker that answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker of the settings: always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedWorker {
    /// Its name: the same on every node.
    pub id: WorkerId,
    /// Where it is.
    pub url: String,
    /// Sessions at once.
    pub capacity: u32,
}

impl FixedWorker {
    /// The worker at this URL; `None` when it is not one of a WebSocket. It is named after its host, and a digest of the
    /// whole.
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

/// Who serves streams.
pub struct RouterParts {
    /// The worker within the process.
    pub own: Arc<dyn BuiltinWorker>,
    /// Streams that it serves at once.
    pub own_streams: u32,
    /// Workers of the settings.
    pub fixed: Vec<FixedWorker>,
}

/// A session's slot, taken.
pub(super) struct SessionSlot {
    pub(super) link: WorkerLink,
    /// The place with the built-in worker, if it is one.
    pub(super) own: Option<TakenPlace<TenantId>>,
}

/// Finds workers for sessions.
pub(super) struct Router {
    store: SharedWorkStorage,
    own: Arc<dyn BuiltinWorker>,
    /// The places of the built-in worker.
    places: Arc<Shares<TenantId>>,
    fixed: Vec<FixedWorker>,
    clock: SharedClock,
    kept: Mutex<Option<Timestamp>>,
    /// Workers that could not be reached, and when. At most as many as there are.
    dead: Mutex<HashMap<WorkerId, Timestamp>>,
}

impl Router {
    pub(super) fn new(
        store: SharedWorkStorage,
        parts: RouterParts,
        crowd: Arc<TenantPresence>,
        clock: SharedClock,
    ) -> Self {
        let RouterParts { own, own_streams, fixed } = parts;
        let places = Shares::new(usize::try_from(own_streams).unwrap_or(usize::MAX), crowd);
        Self { store, own, places, fixed, clock, kept: Mutex::default(), dead: Mutex::default() }
    }

    /// A slot, with a worker that answers; `None` when nobody has room.
    pub(super) async fn open(&self, session: &NewSession, config: &StreamConfig) -> ServiceResult<Option<SessionSlot>> {
        let begun = self.clock.now();
        let mut except = self.dead_ones(begun);
        let mut own = self.places.is_open(&session.tenant);
        // Each round tries another worker, and the built-in one is the last.
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
                    // Somebody else was faster.
                    self.close(session.id).await?;
                    own = false;
                }
                OpenSessionOutcome::NoCapacity => return Ok(None),
                OpenSessionOutcome::Excess(excess) => return Err(excess.into()),
            }
        }
        Ok(None)
    }

    /// Workers that could not be reached lately.
    fn dead_ones(&self, now: Timestamp) -> Vec<WorkerId> {
        let mut dead = self.dead();
        dead.retain(|_, at| *at <= now && now.since(*at) < SHUNNED);
        dead.keys().cloned().collect()
    }

    fn dead(&self) -> MutexGuard<'_, HashMap<WorkerId, Timestamp>> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many places of the built-in worker are taken, and how many there are.
    pub(super) fn own_load(&self) -> (usize, usize) {
        (self.places.count(), self.places.most())
    }

    /// Whether the workers of the settings and the slots are to be kept alive again.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back makes nothing last.
        self.kept().is_none_or(|kept| now < kept || now.since(kept) >= BEAT)
    }

    /// They were kept alive at `now`.
    pub(super) fn was_kept(&self, now: Timestamp) {
        *self.kept() = Some(now);
    }

    /// Registers the workers of the settings for a while, as every node does.
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

    /// Prolongs slots. Gives those that have lapsed.
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
