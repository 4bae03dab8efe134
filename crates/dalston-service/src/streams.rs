//! Streams: opened for an admitted caller when a worker has room, and ended when the caller's key is.

use crate::ServiceResult;
use async_trait::async_trait;
use bytes::Bytes;
use dalston_auth::Permit;
use dalston_model::{Key, KeyId, KeyState, Scope, SessionId, SharedClock, SharedEntropy, TenantId, Timestamp};
use dalston_store::SharedStore;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, watch};

/// What a client asks of a stream.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StreamConfig {
    /// A language, or `auto`.
    pub language: String,
    /// A model.
    pub model: String,
    /// How samples are encoded.
    pub encoding: String,
    /// Samples a second.
    pub sample_rate: u32,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Audio.
    Audio(Bytes),
    /// A message of JSON, as it came.
    Control(String),
}

/// The two ends of a worker's session.
pub struct WorkerLink {
    /// To the worker: frames of the client, in order.
    pub to: mpsc::Sender<ClientFrame>,
    /// From the worker: messages of JSON for the client. Closed when the worker has said all.
    pub from: mpsc::Receiver<String>,
}

/// Whoever transcribes streams.
#[async_trait]
pub trait Workers: Send + Sync {
    /// A session with a worker that has room, or `None`.
    async fn acquire(&self, tenant: &TenantId, session: SessionId, config: &StreamConfig) -> Option<WorkerLink>;
}

/// No worker at all.
pub struct NoWorkers;

#[async_trait]
impl Workers for NoWorkers {
    async fn acquire(&self, _: &TenantId, _: SessionId, _: &StreamConfig) -> Option<WorkerLink> {
        None
    }
}

/// Why a stream is ended from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its key was revoked, disabled, or has expired.
    KeyEnded,
    /// Its key no longer holds `realtime`.
    ScopeLost,
    /// The gateway stops.
    Stopping,
}

/// An open stream. Dropped, it is closed.
pub struct Stream {
    /// Its id.
    pub id: SessionId,
    /// Its worker.
    pub worker: WorkerLink,
    /// Tells when to end, and why.
    pub ending: watch::Receiver<Option<Ending>>,
    streams: Arc<Streams>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.open().remove(&self.id);
    }
}

/// What is known of an open stream.
struct Open {
    key: Option<KeyId>,
    tenant: TenantId,
    expires_at: Option<Timestamp>,
    end: watch::Sender<Option<Ending>>,
}

/// All open streams of this node.
pub struct Streams {
    store: SharedStore,
    workers: Arc<dyn Workers>,
    clock: SharedClock,
    entropy: SharedEntropy,
    open: Mutex<HashMap<SessionId, Open>>,
}

impl Streams {
    /// None open, with these workers.
    pub fn new(store: SharedStore, workers: Arc<dyn Workers>, clock: SharedClock, entropy: SharedEntropy) -> Arc<Self> {
        Arc::new(Self { store, workers, clock, entropy, open: Mutex::default() })
    }

    /// Opens a stream for the caller; `None` when no worker has room.
    pub async fn start(self: &Arc<Self>, permit: &Permit, config: &StreamConfig) -> ServiceResult<Option<Stream>> {
        let id = SessionId::new(self.clock.now(), &*self.entropy)?;
        let Some(worker) = self.workers.acquire(permit.tenant(), id, config).await else { return Ok(None) };
        let (end, ending) = watch::channel(None);
        let key = permit.caller().key();
        let open = Open {
            key: key.map(|key| key.id),
            tenant: permit.tenant().clone(),
            expires_at: key.and_then(|key| key.expires_at),
            end,
        };
        self.open().insert(id, open);
        let stream = Stream { id, worker, ending, streams: Arc::clone(self) };
        // The key may have ended between its admission and now, when no change could find the stream yet.
        if let Some(key) = key
            && let Some(used) = self.store.key(&key.tenant, key.id).await?
        {
            self.key_changed(&used.key, self.clock.now());
        }
        Ok(Some(stream))
    }

    /// Ends the streams of a key that no longer carries them.
    pub fn key_changed(&self, key: &Key, now: Timestamp) {
        let ending = if key.state(now) != KeyState::Active {
            Some(Ending::KeyEnded)
        } else if !key.scopes.grants(Scope::Realtime) {
            Some(Ending::ScopeLost)
        } else {
            None
        };
        for open in self.open().values_mut().filter(|open| open.key == Some(key.id)) {
            open.expires_at = key.expires_at;
            if ending.is_some() {
                open.end.send_replace(ending);
            }
        }
    }

    /// Ends the streams of a revoked key.
    pub fn key_revoked(&self, id: KeyId) {
        self.end(Ending::KeyEnded, |open| open.key == Some(id));
    }

    /// Ends the streams whose keys have expired.
    pub fn expire(&self, now: Timestamp) {
        self.end(Ending::KeyEnded, |open| open.expires_at.is_some_and(|at| at <= now));
    }

    /// Ends all streams.
    pub fn stop(&self) {
        self.end(Ending::Stopping, |_| true);
    }

    /// How many streams a tenant has open on this node.
    pub fn count(&self, tenant: &TenantId) -> usize {
        self.open().values().filter(|open| open.tenant == *tenant).count()
    }

    fn end(&self, ending: Ending, which: impl Fn(&Open) -> bool) {
        for open in self.open().values().filter(|open| which(open)) {
            open.end.send_replace(Some(ending));
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
