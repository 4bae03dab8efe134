//! An open stream, as the door that carries it holds it.

use super::{Streams, budget::Budget, router::SessionSlot};
use crate::{ServiceResult, TakenPlace};
use dalston_auth::{Permit, rights};
use dalston_model::TenantId;
use dalston_store::StoreError;
use dalston_stream::{StreamConfig, WorkerLink};
use dalston_work::{SessionId, SharedWorkStorage, UsageAccount};
use std::sync::Arc;
use tokio::sync::watch;

/// Why a stream is ended from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Its key was revoked, disabled, or has expired.
    KeyEnded,
    /// Its key no longer holds `realtime`.
    ScopeLost,
    /// It has lasted as long as its ticket allows.
    TimeUp,
    /// Its slot has lapsed: this node did not reach the store in time.
    SlotLost,
    /// The gateway stops.
    Stopping,
}

/// An open stream. Dropped, it is closed; [`Stream::finish`] frees its slot at once, else the next second does.
pub struct Stream {
    /// Its id.
    pub id: SessionId,
    /// What was asked for.
    pub config: StreamConfig,
    /// Its worker.
    pub worker: WorkerLink,
    /// Tells when to end, and why.
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

    /// Counts audio before it goes to the worker. `Excess`: the budget of the day has no room for it.
    pub async fn afford(&mut self, bytes: usize) -> ServiceResult<()> {
        self.budget.take(bytes).await
    }

    /// Puts another stream in its place, for the same caller and no longer. `false`: no worker has room, and it is over.
    pub async fn replace(&mut self, config: &StreamConfig) -> ServiceResult<bool> {
        let ends_at = self.streams.open().get(&self.id).and_then(|open| open.ends_at);
        // Its worker is let go of before its slot is.
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

    /// It is over for everybody but its worker: it counts no more, and nothing ends it.
    pub fn leave(&self) {
        if let Some(open) = self.streams.open().get_mut(&self.id) {
            open.is_over = true;
        }
    }

    /// Frees its slot and settles its audio. What the store does not take now it takes later.
    pub async fn finish(mut self) {
        self.release().await;
    }

    async fn release(&mut self) {
        // One that was to be replaced and was not is settled already.
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
            self.streams.left().push(left);
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
            self.streams.left().push(self.left());
            self.streams.open().remove(&self.id);
        }
    }
}

/// What an ended session leaves to do.
pub(super) struct PendingSettlement {
    id: SessionId,
    account: UsageAccount,
    /// Milliseconds: what was heard, less what was reserved.
    change: i64,
    is_closed: bool,
}

impl PendingSettlement {
    /// Does it, or gives back what is still to do.
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
