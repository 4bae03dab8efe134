//! The record of changes of a store, heard badly.

use async_trait::async_trait;
use dalston_model::{AuditEntry, AuditRecord, Timestamp};
use dalston_store::{AuditPage, AuditQuery, ChangeNotifier, ChangesResult, Checkpoint, FeedStore, StoreResult};
use dalston_work::SharedWorkStorage;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch::{Receiver, Sender};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It wakes nobody, and nobody can begin to listen.
    Cut,
    /// It answers nothing, until that is over, and wakes nobody.
    Frozen,
    /// It answers what is so now, but only when that is over, and wakes nobody.
    Late,
    /// It tells of everything twice.
    Doubled,
    /// It is that of an old primary, and tells of nothing, as long as the address leads to another one.
    Old,
}

/// Stands between a node and the record of changes of its store.
pub struct Feed {
    store: SharedWorkStorage,
    fault: Sender<Fault>,
    held: Sender<bool>,
    doubt: Mutex<Duration>,
    last: Mutex<Checkpoint>,
}

/// Wake-ups, as long as there are any.
struct Cut {
    wakes: Box<dyn ChangeNotifier>,
    fault: Receiver<Fault>,
}

impl Feed {
    /// Of this store, without a fault.
    pub fn new(store: SharedWorkStorage) -> Arc<Self> {
        Arc::new(Self {
            store,
            fault: Sender::new(Fault::None),
            held: Sender::new(false),
            doubt: Mutex::default(),
            last: Mutex::new(Checkpoint::START),
        })
    }

    /// From now on this is wrong with it.
    pub fn fails(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// It was so long ago that the address was last seen to lead there.
    pub fn was_seen(&self, ago: Duration) {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) = ago;
    }

    /// Waits until somebody waits for an answer.
    pub async fn is_held(&self) {
        let _ = self.held.subscribe().wait_for(|held| *held).await;
    }

    /// Waits as long as this is wrong with it.
    async fn hold(&self, fault: Fault) {
        self.held.send_replace(true);
        let _ = self.fault.subscribe().wait_for(|now| *now != fault).await;
        self.held.send_replace(false);
    }
}

#[async_trait]
impl FeedStore for Feed {
    async fn checkpoint(&self) -> StoreResult<Checkpoint> {
        self.store.checkpoint().await
    }

    async fn key_changes(&self, after: &Checkpoint, limit: u32) -> StoreResult<ChangesResult> {
        let before = std::mem::replace(&mut *self.last.lock().unwrap_or_else(PoisonError::into_inner), *after);
        let fault = *self.fault.borrow();
        match fault {
            Fault::None | Fault::Cut => self.store.key_changes(after, limit).await,
            Fault::Frozen => {
                self.hold(fault).await;
                self.store.key_changes(after, limit).await
            }
            Fault::Late => {
                let heard = self.store.key_changes(after, limit).await;
                self.hold(fault).await;
                heard
            }
            Fault::Old => Ok(ChangesResult::Changes { changes: Vec::new(), checkpoint: *after }),
            Fault::Doubled => self.store.key_changes(&before, limit).await,
        }
    }

    fn doubt(&self, _: Duration) -> Duration {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.store.now().await
    }

    async fn notifier(&self) -> StoreResult<Box<dyn ChangeNotifier>> {
        let mut fault = self.fault.subscribe();
        let _ = fault.wait_for(|fault| *fault != Fault::Cut).await;
        Ok(Box::new(Cut { wakes: self.store.notifier().await?, fault }))
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<u64> {
        self.store.record(entry).await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<AuditPage> {
        self.store.audit(query).await
    }

    async fn audit_after(&self, seq: u64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        self.store.audit_after(seq, limit).await
    }
}

#[async_trait]
impl ChangeNotifier for Cut {
    async fn next(&mut self) -> StoreResult<()> {
        let woken = self.wakes.next().await;
        let _ = self.fault.wait_for(|fault| matches!(fault, Fault::None | Fault::Doubled)).await;
        woken
    }
}
