//! Long polling of updates: one node of several polls, and answers the updates one after another.
//!
//! The polling lease is an entry with expiry in the key-value store; the progress (the last answered update) is
//! another. The poller records the begin and the end of each update with compare-and-set against the progress that it
//! last read. A node that resumes after a pause thus notices, before it answers, that another node went on.

use super::{bot::Bot, bot_api_error::BotApiError, update::TelegramUpdate};
use dalston_store::StoreError;
use std::{pin::pin, time::Duration};
use tokio::{sync::watch, time::sleep};

/// How long the progress is kept. Telegram keeps updates for a day, and after a week without any it may restart their
/// numbering.
const PROGRESS_TTL: Duration = Duration::from_hours(48);

/// Why polling returned no updates.
enum PollError {
    /// Another node holds the polling lease.
    Standby,
    /// The store failed.
    Store(StoreError),
    /// The Bot API failed.
    Chat(BotApiError),
}

impl From<StoreError> for PollError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BotApiError> for PollError {
    fn from(fault: BotApiError) -> Self {
        Self::Chat(fault)
    }
}

impl Bot {
    /// Polls and answers updates until the sender of `ending` is dropped. With a webhook, registers it and returns.
    pub async fn run(&self, mut ending: watch::Receiver<()>) {
        let Some(holder) = self.lease_holder() else {
            tracing::error!(event = "telegram.not_started", "could not start the bot: no randomness");
            return;
        };
        let mut poller = Poller { bot: self, holder, is_greeted: false, mark: None, failures: 0 };
        loop {
            let came = tokio::select! {
                biased;
                _ = ending.changed() => break,
                came = poller.next() => came,
            };
            let heard = match came {
                Ok(None) => break,
                Ok(Some(updates)) => {
                    poller.failures = 0;
                    poller.answer(updates, &mut ending).await
                }
                Err(trouble) => Err(trouble),
            };
            if let Err(trouble) = heard {
                let wait = poller.next_delay(&trouble);
                tokio::select! {
                    biased;
                    _ = ending.changed() => break,
                    () = sleep(wait) => {}
                }
            }
        }
        poller.release_lease().await;
    }
}

/// A node that polls or stands by.
struct Poller<'a> {
    bot: &'a Bot,
    /// The name of this node as holder of the lease.
    holder: String,
    /// Whether the webhook was removed and the menus were set.
    is_greeted: bool,
    /// The progress as last read from or written to the store.
    mark: Option<String>,
    failures: u32,
}

impl Poller<'_> {
    /// Polls the next updates; `None` with a webhook.
    async fn next(&mut self) -> Result<Option<Vec<TelegramUpdate>>, PollError> {
        let bot = self.bot;
        if let Some(url) = &bot.webhook {
            bot.register_webhook(url).await?;
            return Ok(None);
        }
        if bot.telegram.state().bot.is_none() {
            bot.telegram.get_me().await?;
        }
        let holds = self.acquire_lease().await?;
        bot.telegram.set_polling(holds);
        if !holds {
            return Err(PollError::Standby);
        }
        if !self.is_greeted {
            bot.telegram.delete_webhook().await?;
            bot.set_menus().await?;
            self.is_greeted = true;
        }
        self.mark = bot.store.get_entry(&self.name("done")).await?;
        let updates = bot.telegram.get_updates(self.last_answered().map(|done| done.saturating_add(1))).await?;
        Ok(Some(updates.into_iter().filter_map(TelegramUpdate::read).collect()))
    }

    /// Answers updates until the node stops. The running one then has `finish` to complete.
    async fn answer(
        &mut self,
        updates: Vec<TelegramUpdate>,
        ending: &mut watch::Receiver<()>,
    ) -> Result<(), PollError> {
        let finish = self.bot.timing.finish;
        for update in updates {
            if ending.has_changed().is_err() {
                break;
            }
            tokio::select! {
                settled = self.answer_once(&update) => settled?,
                () = async { let _ = ending.changed().await; sleep(finish).await } => break,
            }
        }
        Ok(())
    }

    /// Answers an update unless it was answered before.
    async fn answer_once(&mut self, update: &TelegramUpdate) -> Result<(), PollError> {
        if self.last_answered().is_some_and(|done| update.id <= done) {
            return Ok(());
        }
        if self.bot.is_relevant(update) {
            self.write_progress(format!("{} {}", update.id.saturating_sub(1), self.holder)).await?;
            self.answer_while_held(update).await?;
        }
        let ended = update.id.to_string();
        // The update is answered. This node must not answer it again, so it retries until the progress is written.
        while let Err(trouble) = self.write_progress(ended.clone()).await {
            if matches!(trouble, PollError::Standby) {
                return Err(trouble);
            }
            sleep(self.next_delay(&trouble)).await;
        }
        self.failures = 0;
        Ok(())
    }

    /// Answers an update and renews the lease meanwhile: an answer may outlast it.
    async fn answer_while_held(&self, update: &TelegramUpdate) -> Result<(), PollError> {
        let mut answering = pin!(self.bot.answer(update));
        loop {
            tokio::select! {
                () = &mut answering => return Ok(()),
                () = sleep(self.bot.timing.lease / 3) => if matches!(self.acquire_lease().await, Ok(false)) {
                    return Err(PollError::Standby);
                },
            }
        }
    }

    /// Writes the progress, unless another node has changed it.
    async fn write_progress(&mut self, mark: String) -> Result<(), PollError> {
        let name = self.name("done");
        if !self.bot.store.put_entry(&name, self.mark.as_deref(), &mark, PROGRESS_TTL).await? {
            // The entry may be ours: the first write may have succeeded and only its reply been lost.
            if self.bot.store.get_entry(&name).await?.as_ref() != Some(&mark) {
                return Err(PollError::Standby);
            }
        }
        self.mark = Some(mark);
        Ok(())
    }

    /// The number of the last answered update.
    fn last_answered(&self) -> Option<i64> {
        self.mark.as_deref()?.split(' ').next()?.parse().ok()
    }

    /// Acquires or renews the polling lease. Returns whether this node holds it.
    async fn acquire_lease(&self) -> Result<bool, StoreError> {
        let (store, name, ttl) = (&self.bot.store, self.name("poller"), self.bot.timing.lease);
        // The lease may be our own, absent or expired, or released.
        for held in [Some(self.holder.as_str()), None, Some("")] {
            if store.put_entry(&name, held, &self.holder, ttl).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases the polling lease, if this node holds it.
    async fn release_lease(&self) {
        if self.bot.has_webhook() {
            return;
        }
        self.bot.telegram.set_polling(false);
        let given = self.bot.store.put_entry(&self.name("poller"), Some(&self.holder), "", self.bot.timing.lease).await;
        if let Err(error) = given {
            tracing::warn!(event = "telegram.release_failed", %error, "could not release the polling lease");
        }
    }

    fn name(&self, what: &str) -> String {
        format!("telegram:{}:{what}", self.bot.telegram.bot())
    }

    /// Returns the delay before the next try. Logs only the first of consecutive failures, and every refusal.
    fn next_delay(&mut self, trouble: &PollError) -> Duration {
        let timing = self.bot.timing;
        if matches!(trouble, PollError::Standby) {
            self.bot.telegram.set_polling(false);
            self.failures = 0;
            return timing.standby;
        }
        self.failures = self.failures.saturating_add(1);
        let is_first = self.failures == 1;
        match trouble {
            PollError::Chat(BotApiError::Token) => {
                if is_first {
                    tracing::error!(event = "telegram.token_rejected", "the Bot API rejected TELEGRAM_BOT_TOKEN");
                }
                return timing.hopeless;
            }
            PollError::Chat(BotApiError::Busy(time)) => return (*time).max(timing.retry),
            PollError::Chat(BotApiError::Refused { code, said }) => {
                // Another poller, or a webhook that somebody set: configure Telegram again.
                self.is_greeted = false;
                tracing::warn!(event = "telegram.poll_refused", code, said, "the Bot API refused to return updates");
            }
            PollError::Chat(fault) if is_first => {
                tracing::warn!(event = "telegram.poll_failed", %fault, "could not poll updates");
            }
            PollError::Store(error) if is_first => {
                tracing::warn!(event = "telegram.store_failed", %error, "could not use the store to poll updates");
            }
            PollError::Standby | PollError::Chat(_) | PollError::Store(_) => {}
        }
        timing.backoff(self.failures, self.bot.jitter())
    }
}
