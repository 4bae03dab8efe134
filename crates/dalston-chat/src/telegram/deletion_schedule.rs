//! Scheduled deletion of messages that contain a secret. The schedule is kept in the store, so that it survives a
//! crash.

use super::{bot_api_error::BotApiError, client::Telegram};
use dalston_model::{SharedClock, Timestamp};
use dalston_store::{StoreError, StoreResult};
use dalston_work::SharedWorkStorage;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// Telegram lets a bot delete messages up to this age.
const KEPT: Duration = Duration::from_hours(48);
/// Attempts of a compare-and-set on the schedule, which other nodes write too.
const TRIES: usize = 20;

/// A scheduled deletion of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Erasure {
    chat: i64,
    message: i64,
    due: Timestamp,
}

/// Deletes messages when their deletion is due.
pub(crate) struct DeletionSchedule {
    telegram: Arc<Telegram>,
    store: SharedWorkStorage,
    clock: SharedClock,
    /// The name of the schedule's entry in the key-value store.
    note: String,
    after: Duration,
    /// The deletions that this node scheduled.
    own: Mutex<Vec<Erasure>>,
}

impl DeletionSchedule {
    /// Creates the schedule. Each message is deleted `after` this duration.
    pub(crate) fn new(
        telegram: Arc<Telegram>,
        store: SharedWorkStorage,
        clock: SharedClock,
        after: Duration,
    ) -> Arc<Self> {
        let note = format!("telegram:{}:erasures", telegram.bot());
        Arc::new(Self { telegram, store, clock, note, after, own: Mutex::default() })
    }

    /// Schedules the deletion of a message.
    pub(crate) async fn plan(self: &Arc<Self>, chat: i64, message: i64) {
        let erasure = Erasure { chat, message, due: self.clock.now().plus(self.after) };
        self.own().push(erasure);
        if let Err(error) = self.change(|all| all.push(erasure)).await {
            tracing::error!(
                event = "telegram.erasure_not_saved",
                %error,
                "could not save a scheduled message deletion"
            );
        }
        let erasures = self.clone();
        tokio::spawn(async move {
            sleep(erasures.after).await;
            erasures.erase(&[erasure]).await;
        });
    }

    /// Deletes the messages whose deletion is due, whichever node scheduled it.
    pub(crate) async fn sweep(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let mut due = read(self.store.get_entry(&self.note).await?.as_deref());
        due.retain(|erasure| erasure.due <= now);
        self.erase(&due).await;
        Ok(())
    }

    /// Deletes all messages that this node scheduled, due or not: no node may be running when they are due.
    pub(crate) async fn finish(&self) {
        let own = self.own().clone();
        self.erase(&own).await;
    }

    async fn erase(&self, erasures: &[Erasure]) {
        let mut gone = Vec::new();
        for erasure in erasures {
            match self.telegram.delete_message(erasure.chat, erasure.message).await {
                // Refused: the message is already deleted, or the bot can never delete it.
                Ok(()) | Err(BotApiError::Refused { .. }) => gone.push(*erasure),
                Err(fault) => {
                    tracing::warn!(
                        event = "telegram.erasure_failed",
                        %fault,
                        "could not delete a message with a secret"
                    );
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        self.own().retain(|erasure| !gone.contains(erasure));
        if let Err(error) = self.change(|all| all.retain(|erasure| !gone.contains(erasure))).await {
            tracing::warn!(
                event = "telegram.erasure_not_cleared",
                %error,
                "could not remove finished message deletions"
            );
        }
    }

    /// Changes the schedule with compare-and-set, retrying when another node wrote it. Fails after [`TRIES`] of them.
    async fn change(&self, change: impl Fn(&mut Vec<Erasure>)) -> StoreResult<()> {
        for _ in 0..TRIES {
            let old = self.store.get_entry(&self.note).await?;
            let mut all = read(old.as_deref());
            change(&mut all);
            let new = serde_json::json!(all).to_string();
            if old.as_deref() == Some(&new) || self.store.put_entry(&self.note, old.as_deref(), &new, KEPT).await? {
                return Ok(());
            }
        }
        Err(StoreError::unavailable("other nodes wrote the schedule each time"))
    }

    fn own(&self) -> MutexGuard<'_, Vec<Erasure>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(note: Option<&str>) -> Vec<Erasure> {
    note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
