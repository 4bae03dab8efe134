//! Streams: opened for an authenticated caller when a worker has a free slot, and closed when the caller's key ends.

mod budget;
mod router;
mod stream;

pub(crate) use router::{FIXED, TTL};
pub use router::{FixedWorker, RouterParts};
pub use stream::{CloseReason, Stream};

use crate::{ServiceError, ServiceResult, TenantPresence};
use budget::Budget;
use dalston_auth::{Gate, Permit, PrincipalChange, RejectionReason, rights};
use dalston_model::{Principal, Scope, SharedClock, SharedEntropy, TenantId, Timestamp};
use dalston_stream::StreamConfig;
use dalston_work::{NewSession, SessionId, SharedWorkStorage};
use router::Router;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use stream::PendingSettlement;
use tokio::sync::watch;

/// Maximum number of ended sessions that one tick (a second) settles. The other work of the tick waits for it.
const AT_ONCE: usize = 50;

/// The state of an open stream.
struct OpenStream {
    /// The caller that opened the stream.
    principal: Principal,
    /// The tenant that the stream works in.
    tenant: TenantId,
    /// When the session limit is reached, by the monotonic clock.
    ends_at: Option<Duration>,
    /// Whether the stream has ended for everything but its worker, which still sends its remaining events.
    is_over: bool,
    end: watch::Sender<Option<CloseReason>>,
}

/// All open streams of this node.
pub struct Streams {
    store: SharedWorkStorage,
    gate: Arc<Gate>,
    router: Router,
    tenant_presence: Arc<TenantPresence>,
    clock: SharedClock,
    entropy: SharedEntropy,
    open: Mutex<HashMap<SessionId, OpenStream>>,
    /// Sessions that have ended and are not settled yet, because the store was unavailable or the task was dropped.
    left: Mutex<VecDeque<PendingSettlement>>,
    is_stopping: AtomicBool,
}

impl Streams {
    pub(crate) fn new(
        store: SharedWorkStorage,
        gate: Arc<Gate>,
        parts: RouterParts,
        tenant_presence: Arc<TenantPresence>,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> Arc<Self> {
        let router = Router::new(store.clone(), parts, tenant_presence.clone(), clock.clone());
        Arc::new(Self {
            store,
            gate,
            router,
            tenant_presence,
            clock,
            entropy,
            open: Mutex::default(),
            left: Mutex::default(),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Opens a stream for the caller. Returns `None` when no worker has a free slot.
    pub async fn start(
        self: &Arc<Self>,
        permit: &Permit<rights::Realtime>,
        config: &StreamConfig,
    ) -> ServiceResult<Option<Stream>> {
        let now = self.clock.now();
        let id = SessionId::new(now, &*self.entropy)?;
        let asked = NewSession {
            id,
            tenant: permit.tenant().clone(),
            key: permit.actor().key(),
            model: config.model.clone(),
            language: config.language.clone(),
            is_one_of_several: self.tenant_presence.is_several(),
        };
        let budget = Budget::open(self.store.clone(), &asked, config, now).await?;
        let (end, ending) = watch::channel(None);
        // From here on, dropping the stream releases the reservation and the slot, whatever fails.
        let mut stream = Stream::new(id, permit.clone(), config.clone(), budget, ending, Arc::clone(self));
        match self.router.open(&asked, config).await {
            Ok(Some(slot)) => stream.attach(slot),
            Ok(None) => {
                stream.finish().await;
                return Ok(None);
            }
            Err(error) => {
                stream.finish().await;
                return Err(error);
            }
        }
        let open = OpenStream {
            principal: permit.caller().principal(),
            tenant: asked.tenant,
            ends_at: permit.caller().session_limit().map(|limit| self.clock.monotonic().saturating_add(limit)),
            is_over: false,
            end,
        };
        self.open().insert(id, open);
        // A shutdown that began before the insert did not find the stream.
        if self.is_stopping.load(Ordering::SeqCst) {
            self.change(id, |open| tell(open, CloseReason::Stopping));
        }
        // The principal may have changed between its authentication and the insert above, when no change could find the
        // stream yet. A change that was applied since the insert is newer than this read, so it takes precedence.
        match self.gate.revalidate(permit.caller()).await {
            Ok(caller) => self.change(id, |open| {
                if open.principal == permit.caller().principal() {
                    renew(open, &caller.principal());
                }
            }),
            Err(RejectionReason::InvalidCredential) => self.change(id, |open| tell(open, CloseReason::KeyInvalid)),
            Err(RejectionReason::InsufficientScope(_)) => self.change(id, |open| tell(open, CloseReason::ScopeLost)),
            Err(outage) => return Err(outage.into()),
        }
        Ok(Some(stream))
    }

    /// Closes the streams of a principal that no longer permits them.
    pub(crate) fn principal_changed(&self, change: &PrincipalChange) {
        for open in self.open().values_mut().filter(|open| open.principal.actor == change.actor) {
            match &change.now {
                Some(principal) => renew(open, principal),
                None => tell(open, CloseReason::KeyInvalid),
            }
        }
    }

    /// Closes the streams whose principal has expired or whose session limit is reached.
    pub fn expire(&self, now: Timestamp) {
        self.end(CloseReason::KeyInvalid, |open| open.principal.expires.is_some_and(|at| at <= now));
        let passed = self.clock.monotonic();
        self.end(CloseReason::SessionLimit, |open| open.ends_at.is_some_and(|at| at <= passed));
    }

    /// Closes all streams, because the gateway is shutting down.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.end(CloseReason::Stopping, |_| true);
    }

    /// Returns the number of open streams of a tenant on this node.
    pub fn count(&self, tenant: &TenantId) -> usize {
        self.open().values().filter(|open| open.tenant == *tenant && !open.is_over).count()
    }

    /// Returns the number of streams of all tenants that the built-in worker serves, and its capacity.
    pub fn builtin_load(&self) -> (usize, usize) {
        self.router.builtin_load()
    }

    /// Runs the periodic work; to be called every second.
    ///
    /// Settles sessions that have ended. Every ten seconds, it first renews the slots of the open sessions and
    /// registers the configured workers. A stream whose slot has expired is closed.
    pub async fn keep(&self) -> ServiceResult<()> {
        let now = self.clock.now();
        if self.router.is_due(now) {
            self.renew(now).await?;
        }
        self.settle(AT_ONCE).await
    }

    async fn renew(&self, now: Timestamp) -> ServiceResult<()> {
        let open: Vec<SessionId> = self.open().keys().copied().collect();
        for lost in self.router.renew(&open).await? {
            if let Some(open) = self.open().get(&lost) {
                tracing::warn!(event = "stream.slot_expired", session = %lost, "the slot of a session expired");
                tell(open, CloseReason::SlotExpired);
            }
        }
        self.router.register().await?;
        self.router.was_kept(now);
        Ok(())
    }

    /// Settles all ended sessions at shutdown, and frees the slots of those still open: nothing could do that later.
    pub async fn close(&self) -> ServiceResult<()> {
        self.settle(usize::MAX).await?;
        let open: Vec<SessionId> = self.open().drain().map(|(id, _)| id).collect();
        for id in open {
            self.router.close(id).await?;
        }
        Ok(())
    }

    /// Frees the slots of at most `most` ended sessions and settles their audio. A session that fails waits behind the
    /// others for the next call.
    async fn settle(&self, most: usize) -> ServiceResult<()> {
        for _ in 0..most {
            let Some(left) = self.left().pop_front() else { return Ok(()) };
            if let Err((left, error)) = left.settle(&self.store).await {
                self.left().push_back(left);
                return Err(ServiceError::from(error));
            }
        }
        Ok(())
    }

    fn change(&self, id: SessionId, change: impl FnOnce(&mut OpenStream)) {
        if let Some(open) = self.open().get_mut(&id) {
            change(open);
        }
    }

    fn end(&self, ending: CloseReason, which: impl Fn(&OpenStream) -> bool) {
        for open in self.open().values().filter(|open| which(open)) {
            tell(open, ending);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, OpenStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, VecDeque<PendingSettlement>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Continues with the current principal, if it may still stream in the tenant: its own tenant, or any tenant with
/// `platform`. Otherwise the stream is closed.
fn renew(open: &mut OpenStream, now: &Principal) {
    let may_stream = now.scopes.grants(Scope::Realtime);
    if !may_stream || (open.tenant != now.tenant && !now.scopes.grants(Scope::Platform)) {
        tell(open, CloseReason::ScopeLost);
    }
    // The kind is kept: a ticket acts as its key, so changes are reported for the key.
    open.principal = Principal { kind: open.principal.kind, ..now.clone() };
}

/// Requests a stream to close. The first reason is kept, except that [`CloseReason::SessionLimit`] is replaced by any other.
fn tell(open: &OpenStream, ending: CloseReason) {
    open.end.send_if_modified(|told| {
        let changes =
            told.is_none_or(|before| before == CloseReason::SessionLimit && ending != CloseReason::SessionLimit);
        if changes {
            *told = Some(ending);
        }
        changes
    });
}
