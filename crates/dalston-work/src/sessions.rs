//! Workers of streams, and the slots of their sessions: leases, taken in one step.

use crate::{NewSession, QuotaExceeded, SessionId, Worker, WorkerId, WorkerLoad};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId};
use dalston_store::StoreResult;
use std::time::Duration;

/// What came of opening a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSessionOutcome {
    /// With a slot of this worker.
    Worker(Worker),
    /// With the node's own worker, which has room.
    Own,
    /// Nobody has room.
    NoCapacity,
    /// The key or the tenant has too many streams already.
    Excess(QuotaExceeded),
}

/// The steps on workers and sessions. What has lapsed, by the store's clock, is not there: a dead worker is asked no more,
/// and a dead gateway's sessions free their slots.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Registers the worker, or prolongs its registration, for `ttl`. `entry` is recorded when there was none, or when
    /// it was another (any field differs). `false`: another tenant's worker has that name; nothing was changed.
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool>;

    /// Takes the worker away; its sessions go on. `tenant`: only if it serves this tenant alone. `false`: no such worker.
    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool>;

    /// The workers that are registered, by name, with their load.
    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>>;

    /// Opens a session for `ttl`, in one step: within the `concurrent_streams` of the key and of the tenant (the key's
    /// asked first), with the worker that serves it ([`Worker::serves`]) and has the least load: the smallest share of its
    /// capacity in use, then the name, where the tenant has not its share ([`Worker::share`]). Without any that has room: the node's own when `own` says that it has room.
    /// `except` are workers that just could not be reached.
    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome>;

    /// Prolongs sessions. Gives those that are not there any more.
    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>>;

    /// Closes a session and frees its slot. Again is the same; tells whether it was there.
    async fn close_session(&self, id: SessionId) -> StoreResult<bool>;

    /// How many sessions a tenant has open, on all nodes.
    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64>;
}
