//! Updates by long polling: one node of several asks for them, one update after another is answered.
//!
//! Who polls is in a note that lapses; how far the updates are answered is in another. Each update is begun and ended
//! there in one step from what this node saw last, so that a node that was away for a while and comes back finds out
//! before it answers what another did answer.

use super::{bot::Bot, bot_api_error::BotApiError, update::TelegramUpdate};
use dalston_store::StoreError;
use std::{pin::pin, time::Duration};
use tokio::{sync::watch, time::sleep};

/// How far the updates are answered is known for so long. The chat keeps updates for a day, and after a week without
/// any their numbers may begin anew.
const KNOWN: Duration = Duration::from_hours(48);

/// Why there are no updates now.
enum Trouble {
    /// Another node polls.
    Standby,
    /// The store failed.
    Store(StoreError),
    /// The chat failed.
    Chat(BotApiError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BotApiError> for Trouble {
    fn from(fault: BotApiError) -> Self {
        Self::Chat(fault)
    }
}

impl Bot {
    /// Hears updates until the other end of `ending` is dropped. Where they come by webhook, it ends once the chat
    /// knows that.
    pub async fn run(&self, mut ending: watch::Receiver<()>) {
        let Some(holder) = self.holder() else {
            tracing::error!("without chance there is no bot");
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
                let wait = poller.wait(&trouble);
                tokio::select! {
                    biased;
                    _ = ending.changed() => break,
                    () = sleep(wait) => {}
                }
            }
        }
        poller.release().await;
    }
}

/// A node that polls, or would.
struct Poller<'a> {
    bot: &'a Bot,
    /// What this node is called in the notes.
    holder: String,
    /// Whether the chat knows how updates are to come, and the menus.
    is_greeted: bool,
    /// How far the updates are answered, as the note has it.
    mark: Option<String>,
    failures: u32,
}

impl Poller<'_> {
    /// The next updates; `None` where none are to be polled.
    async fn next(&mut self) -> Result<Option<Vec<TelegramUpdate>>, Trouble> {
        let bot = self.bot;
        if let Some(url) = &bot.webhook {
            bot.hook(url).await?;
            return Ok(None);
        }
        if bot.telegram.state().bot.is_none() {
            bot.telegram.get_me().await?;
        }
        let holds = self.hold().await?;
        bot.telegram.polls(holds);
        if !holds {
            return Err(Trouble::Standby);
        }
        if !self.is_greeted {
            bot.telegram.delete_webhook().await?;
            bot.set_menus().await?;
            self.is_greeted = true;
        }
        self.mark = bot.store.get_entry(&self.name("done")).await?;
        let updates = bot.telegram.get_updates(self.done().map(|done| done.saturating_add(1))).await?;
        Ok(Some(updates.into_iter().filter_map(TelegramUpdate::read).collect()))
    }

    /// Answers updates, until the node stops: the one under way has a while to finish.
    async fn answer(&mut self, updates: Vec<TelegramUpdate>, ending: &mut watch::Receiver<()>) -> Result<(), Trouble> {
        let finish = self.bot.timing.finish;
        for update in updates {
            if ending.has_changed().is_err() {
                break;
            }
            tokio::select! {
                settled = self.settle(&update) => settled?,
                () = async { let _ = ending.changed().await; sleep(finish).await } => break,
            }
        }
        Ok(())
    }

    /// Answers an update that was not answered before.
    async fn settle(&mut self, update: &TelegramUpdate) -> Result<(), Trouble> {
        if self.done().is_some_and(|done| update.id <= done) {
            return Ok(());
        }
        if self.bot.concerns(update) {
            self.move_on(format!("{} {}", update.id.saturating_sub(1), self.holder)).await?;
            self.answer_while_held(update).await?;
        }
        let ended = update.id.to_string();
        // It is answered: whatever the store says, it is not answered again by this node.
        while let Err(trouble) = self.move_on(ended.clone()).await {
            if matches!(trouble, Trouble::Standby) {
                return Err(trouble);
            }
            sleep(self.wait(&trouble)).await;
        }
        self.failures = 0;
        Ok(())
    }

    /// An answer may take longer than the right to poll lasts.
    async fn answer_while_held(&self, update: &TelegramUpdate) -> Result<(), Trouble> {
        let mut answering = pin!(self.bot.answer(update));
        loop {
            tokio::select! {
                () = &mut answering => return Ok(()),
                () = sleep(self.bot.timing.lease / 3) => if matches!(self.hold().await, Ok(false)) {
                    return Err(Trouble::Standby);
                },
            }
        }
    }

    /// Writes how far the updates are answered, unless another node went on.
    async fn move_on(&mut self, mark: String) -> Result<(), Trouble> {
        let name = self.name("done");
        if !self.bot.store.put_entry(&name, self.mark.as_deref(), &mark, KNOWN).await? {
            // It is this node's own when its first writing was done, and only the word of it got lost.
            if self.bot.store.get_entry(&name).await?.as_ref() != Some(&mark) {
                return Err(Trouble::Standby);
            }
        }
        self.mark = Some(mark);
        Ok(())
    }

    /// The number of the last update that was answered.
    fn done(&self) -> Option<i64> {
        self.mark.as_deref()?.split(' ').next()?.parse().ok()
    }

    /// Takes or renews the right to poll. Tells whether this node has it.
    async fn hold(&self) -> Result<bool, StoreError> {
        let (store, name, ttl) = (&self.bot.store, self.name("poller"), self.bot.timing.lease);
        // Its own, nobody's, or given back.
        for held in [Some(self.holder.as_str()), None, Some("")] {
            if store.put_entry(&name, held, &self.holder, ttl).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the right to poll back, if this node has it.
    async fn release(&self) {
        if self.bot.has_webhook() {
            return;
        }
        self.bot.telegram.polls(false);
        let given = self.bot.store.put_entry(&self.name("poller"), Some(&self.holder), "", self.bot.timing.lease).await;
        if let Err(error) = given {
            tracing::warn!(%error, "the right to poll lapses by itself");
        }
    }

    fn name(&self, what: &str) -> String {
        format!("telegram:{}:{what}", self.bot.telegram.bot())
    }

    /// How long to wait before the next try. Says once in a row what is wrong.
    fn wait(&mut self, trouble: &Trouble) -> Duration {
        let timing = self.bot.timing;
        if matches!(trouble, Trouble::Standby) {
            self.bot.telegram.polls(false);
            self.failures = 0;
            return timing.standby;
        }
        self.failures = self.failures.saturating_add(1);
        let is_first = self.failures == 1;
        match trouble {
            Trouble::Chat(BotApiError::Token) => {
                if is_first {
                    tracing::error!("the chat does not know TELEGRAM_BOT_TOKEN");
                }
                return timing.hopeless;
            }
            Trouble::Chat(BotApiError::Busy(time)) => return (*time).max(timing.retry),
            Trouble::Chat(BotApiError::Refused { code, said }) => {
                // Another poller, or a webhook that somebody set: the chat is told anew.
                self.is_greeted = false;
                tracing::warn!(code, said, "the chat refuses to give updates");
            }
            Trouble::Chat(fault) if is_first => tracing::warn!(%fault, "no updates"),
            Trouble::Store(error) if is_first => tracing::warn!(%error, "no updates"),
            Trouble::Standby | Trouble::Chat(_) | Trouble::Store(_) => {}
        }
        timing.after(self.failures, self.bot.chance())
    }
}
