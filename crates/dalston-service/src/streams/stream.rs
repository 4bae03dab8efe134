//! An open stream, as held by the route that carries it.

use super::{Streams, budget::Budget, router::SessionSlot};
use crate::{ServiceResult, TakenPlace};
use dalston_auth::{Permit, rights};
use dalston_model::TenantId;
use dalston_store::StoreError;
use dalston_stream::{StreamConfig, WorkerLink};
use dalston_work::{SessionId, SharedWorkStorage, UsageAccount};
use std::sync::Arc;
use tokio::sync::watch;

/// Why the gateway closes a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The key was revoked or disabled, or has expired.
    KeyInvalid,
    /// The key no longer has the scope `realtime`.
    ScopeLost,
    /// The stream has lasted as long as its ticket allows.
    SessionLimit,
    /// The slot has expired: this node did not reach the store in time.
    SlotExpired,
    /// The gateway is shutting down.
    Stopping,
}

/// An open stream.
///
/// [`Stream::finish`] frees the slot at once. When the stream is dropped instead, the next tick (within a second) frees
/// it.
pub struct Stream {
    /// The session's id.
    pub id: SessionId,
    /// The configuration that the client requested.
    pub config: StreamConfig,
    /// The connection to the worker.
    pub worker: WorkerLink,
    /// Receives the reason when the stream must close.
    pub ending: watch::Receiver<Option<CloseReason>>,
    permit: Permit<rights::Realtime>,
    budget: Budget,
    own: Option<TakenPlace<TenantId>>,
    streams: Arc<Streams>,
    is_settled: bool,
}

impl Stream {
    pub(super) fn new(
        id: SessionId,
        permit: Permit<rights::Realtime>,
        config: StreamConfig,
        budget: Budget,
        ending: watch::Receiver<Option<CloseReason>>,
        streams: Arc<Streams>,
    ) -> Self {
        let (worker, _) = WorkerLink::pair();
        Self { id, config, worker, ending, permit, budget, own: None, streams, is_settled: false }
    }

    pub(super) fn attach(&mut self, slot: SessionSlot) {
        let SessionSlot { link, own } = slot;
        self.worker = link;
        self.own = own;
    }

    /// Reserves audio, in bytes, before it is sent to the worker.
    ///
    /// Fails with [`ServiceError::Excess`](crate::ServiceError::Excess) when the quota of the day is used up.
    pub async fn afford(&mut self, bytes: usize) -> ServiceResult<()> {
        self.budget.take(bytes).await
    }

    /// Replaces this stream by another one with a new configuration.
    ///
    /// The caller and the end of the session limit stay the same. Returns `false` when no worker has a free slot; then
    /// the stream has ended.
    pub async fn replace(&mut self, config: &StreamConfig) -> ServiceResult<bool> {
        let ends_at = self.streams.open().get(&self.id).and_then(|open| open.ends_at);
        // Disconnects the worker before its slot is freed.
        (self.worker, _) = WorkerLink::pair();
        self.release().await;
        let (streams, permit) = (Arc::clone(&self.streams), self.permit.clone());
        let Some(other) = streams.start(&permit, config).await? else { return Ok(false) };
        if let Some(open) = streams.open().get_mut(&other.id) {
            open.ends_at = ends_at;
        }
        *self = other;
        Ok(true)
    }

    /// Marks the stream as ended for everything but its worker: it is no longer counted as open.
    ///
    /// To be called when the session closes; the caller ignores [`Stream::ending`] from then on.
    pub fn leave(&self) {
        if let Some(open) = self.streams.open().get_mut(&self.id) {
            open.is_over = true;
        }
    }

    /// Frees the slot and settles the audio. If the store fails, a later tick retries.
    pub async fn finish(mut self) {
        self.release().await;
    }

    async fn release(&mut self) {
        // A stream whose replacement failed is settled already.
        if self.is_settled {
            return;
        }
        self.leave();
        self.own = None;
        if let Err((left, error)) = self.left().settle(&self.streams.store).await {
            tracing::warn!(
                event = "stream.settle_failed",
                session = %self.id,
                %error,
                "could not settle a session: retrying"
            );
            self.streams.left().push_back(left);
        }
        self.streams.open().remove(&self.id);
        self.is_settled = true;
    }

    fn left(&self) -> PendingSettlement {
        let (account, change) = self.budget.settlement();
        PendingSettlement { id: self.id, account, change, is_closed: false }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_settled {
            self.streams.left().push_back(self.left());
            self.streams.open().remove(&self.id);
        }
    }
}

/// The remaining work for an ended session.
pub(super) struct PendingSettlement {
    id: SessionId,
    account: UsageAccount,
    /// Milliseconds of audio: used minus reserved.
    change: i64,
    is_closed: bool,
}

impl PendingSettlement {
    /// Frees the slot and settles the audio. On an error, returns the work that remains.
    pub(super) async fn settle(mut self, store: &SharedWorkStorage) -> Result<(), (Self, StoreError)> {
        if !self.is_closed
            && let Err(error) = store.close_session(self.id).await
        {
            return Err((self, error));
        }
        self.is_closed = true;
        match store.settle_audio(&self.account, self.change).await {
            Ok(()) => Ok(()),
            Err(error) => Err((self, error)),
        }
    }
}
