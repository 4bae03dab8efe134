//! Storage of stream workers and sessions. Both are leases with a TTL; a session takes its slot atomically.

use crate::{NewSession, QuotaExceeded, SessionId, Worker, WorkerId, WorkerLoad};
use async_trait::async_trait;
use dalston_model::{AuditEntry, TenantId};
use dalston_store::StoreResult;
use std::time::Duration;

/// Result of opening a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSessionOutcome {
    /// Opened with this registered worker.
    Worker(Worker),
    /// Opened with the node's built-in worker, which has capacity.
    Own,
    /// No worker has capacity.
    NoCapacity,
    /// The key or the tenant has reached its limit of concurrent streams.
    Excess(QuotaExceeded),
}

/// Operations on workers and sessions. Registrations and sessions expire by the store's clock and are then treated as
/// absent: a dead worker gets no new sessions, and the sessions of a dead gateway free their slots.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Registers the worker, or renews its registration, for `ttl`. Records `entry` when the worker is new or any of
    /// its fields has changed. Returns `false`, and changes nothing, when a worker of another tenant has that name.
    async fn put_worker(&self, worker: &Worker, ttl: Duration, entry: &AuditEntry) -> StoreResult<bool>;

    /// Removes the worker; its sessions continue. With `tenant`, only a worker that is reserved for this tenant.
    /// Returns `false` when there is no such worker.
    async fn remove_worker(&self, id: &WorkerId, tenant: Option<&TenantId>, entry: &AuditEntry) -> StoreResult<bool>;

    /// Lists the registered workers by name, with their load.
    async fn workers(&self) -> StoreResult<Vec<WorkerLoad>>;

    /// Opens a session for `ttl`, atomically. Checks the `concurrent_streams` limit of the key first, then that of the
    /// tenant. Chooses, of the workers that serve the session ([`Worker::serves`]) and on which the tenant has not
    /// reached its share ([`Worker::share`]), the one with the smallest fraction of its capacity in use, then the first
    /// by name. When no worker has room, uses the node's built-in worker if `own` says that it has room.
    /// `except` lists workers that just could not be reached.
    async fn open_session(
        &self,
        session: &NewSession,
        own: bool,
        except: &[WorkerId],
        ttl: Duration,
    ) -> StoreResult<OpenSessionOutcome>;

    /// Renews sessions for `ttl`. Returns those that no longer exist.
    async fn renew_sessions(&self, sessions: &[SessionId], ttl: Duration) -> StoreResult<Vec<SessionId>>;

    /// Closes a session and frees its slot. Idempotent; returns whether the session existed.
    async fn close_session(&self, id: SessionId) -> StoreResult<bool>;

    /// Returns how many sessions a tenant has open, on all nodes.
    async fn session_count(&self, tenant: &TenantId) -> StoreResult<u64>;
}
