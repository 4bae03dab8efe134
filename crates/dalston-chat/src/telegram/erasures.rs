//! Messages that must go: those with a secret. What is planned stands in a note, so that a crash forgets none.

use super::{client::Telegram, bot_api_error::BotApiError};
use dalston_model::{SharedClock, Timestamp};
use dalston_store::StoreResult;
use dalston_work::SharedWorkStorage;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// The chat lets a bot delete what is not older.
const KEPT: Duration = Duration::from_hours(48);
/// How often a note that others write too is tried.
const TRIES: usize = 20;

/// A message that must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Erasure {
    chat: i64,
    message: i64,
    due: Timestamp,
}

/// Deletes messages when they are due.
pub(crate) struct Erasures {
    telegram: Arc<Telegram>,
    store: SharedWorkStorage,
    clock: SharedClock,
    /// The name of the note.
    note: String,
    after: Duration,
    /// What this node has planned.
    own: Mutex<Vec<Erasure>>,
}

impl Erasures {
    /// Messages stand for `after`.
    pub(crate) fn new(
        telegram: Arc<Telegram>,
        store: SharedWorkStorage,
        clock: SharedClock,
        after: Duration,
    ) -> Arc<Self> {
        let note = format!("telegram:{}:erasures", telegram.bot());
        Arc::new(Self { telegram, store, clock, note, after, own: Mutex::default() })
    }

    /// Lets a message stand for a while.
    pub(crate) async fn plan(self: &Arc<Self>, chat: i64, message: i64) {
        let erasure = Erasure { chat, message, due: self.clock.now().plus(self.after) };
        self.own().push(erasure);
        if let Err(error) = self.change(|all| all.push(erasure)).await {
            tracing::error!(%error, "a message with a secret is deleted only if this node lives");
        }
        let erasures = self.clone();
        tokio::spawn(async move {
            sleep(erasures.after).await;
            erasures.erase(&[erasure]).await;
        });
    }

    /// Deletes what is due, whichever node planned it.
    pub(crate) async fn sweep(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let mut due = read(self.store.get_entry(&self.note).await?.as_deref());
        due.retain(|erasure| erasure.due <= now);
        self.erase(&due).await;
        Ok(())
    }

    /// Deletes all that this node planned, due or not: nobody might be there when it is.
    pub(crate) async fn finish(&self) {
        let own = self.own().clone();
        self.erase(&own).await;
    }

    async fn erase(&self, erasures: &[Erasure]) {
        let mut gone = Vec::new();
        for erasure in erasures {
            match self.telegram.delete_message(erasure.chat, erasure.message).await {
                // Refused: it is gone already, or for ever out of reach.
                Ok(()) | Err(BotApiError::Refused { .. }) => gone.push(*erasure),
                Err(fault) => tracing::warn!(%fault, "a message with a secret is deleted later"),
            }
        }
        if gone.is_empty() {
            return;
        }
        self.own().retain(|erasure| !gone.contains(erasure));
        if let Err(error) = self.change(|all| all.retain(|erasure| !gone.contains(erasure))).await {
            tracing::warn!(%error, "deleted messages are deleted once more");
        }
    }

    /// Changes the note, whoever else does.
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
        tracing::error!("the messages to be deleted could not be kept");
        Ok(())
    }

    fn own(&self) -> MutexGuard<'_, Vec<Erasure>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(note: Option<&str>) -> Vec<Erasure> {
    note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
