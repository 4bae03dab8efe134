//! The bot: hears what a user does, has the dialogue answer it.

use super::{
    Timing,
    client::Telegram,
    erasures::Erasures,
    throttle::GuestThrottle,
    update::{PersonAction, Press, TelegramUpdate},
    warning::warning,
};
use crate::{Dialogue, CallerMessage};
use dalston_auth::{Administrators, Caller};
use dalston_command::Document;
use dalston_model::{KeyDigest, RequestId, SharedClock, SharedEntropy};
use dalston_service::Services;
use dalston_work::SharedWorkStorage;
use serde_json::Value;
use std::sync::Arc;

/// What the bot is made of.
pub struct BotParts {
    /// The chat.
    pub telegram: Arc<Telegram>,
    /// What answers.
    pub dialogue: Arc<Dialogue>,
    /// The use cases.
    pub services: Arc<Services>,
    /// What nodes share.
    pub store: SharedWorkStorage,
    /// Who the administrators are.
    pub administrators: Administrators,
    /// Where updates are to come; `None`: they are polled.
    pub webhook: Option<String>,
    /// The node's clock.
    pub clock: SharedClock,
    /// The node's chance.
    pub entropy: SharedEntropy,
    /// How long it waits.
    pub timing: Timing,
}

/// The bot.
pub struct Bot {
    pub(crate) telegram: Arc<Telegram>,
    pub(crate) dialogue: Arc<Dialogue>,
    pub(crate) services: Arc<Services>,
    pub(crate) store: SharedWorkStorage,
    pub(crate) administrators: Administrators,
    pub(crate) webhook: Option<String>,
    clock: SharedClock,
    entropy: SharedEntropy,
    pub(crate) timing: Timing,
    pub(crate) erasures: Arc<Erasures>,
    throttle: GuestThrottle,
}

impl Bot {
    /// Of these parts. Does nothing yet.
    pub fn new(parts: BotParts) -> Self {
        let BotParts { telegram, dialogue, services, store, administrators, webhook, clock, entropy, timing } = parts;
        let erasures = Erasures::new(telegram.clone(), store.clone(), clock.clone(), timing.secret);
        let throttle = GuestThrottle::default();
        Self {
            telegram,
            dialogue,
            services,
            store,
            administrators,
            webhook,
            clock,
            entropy,
            timing,
            erasures,
            throttle,
        }
    }

    /// Deletes the messages with secrets that are due. What a crash left is found here.
    pub async fn sweep(&self) {
        if let Err(error) = self.erasures.sweep().await {
            tracing::warn!(%error, "messages that are due could not be looked up");
        }
    }

    /// Deletes the messages with secrets that this node sent, before it ends.
    pub async fn finish(&self) {
        self.erasures.finish().await;
    }

    /// Whether an update is to be answered. Asks no store: what a guest says too often costs nothing.
    pub(crate) fn concerns(&self, update: &TelegramUpdate) -> bool {
        self.telegram.heard();
        let user = match &update.heard {
            PersonAction::Words { user, .. } => *user,
            PersonAction::Press(press) => press.user,
            PersonAction::Nothing => return false,
        };
        self.administrators.ids().contains(&user) || self.throttle.hears(user, self.clock.now())
    }

    /// Answers an update. Again is the same, as far as commands go.
    pub(crate) async fn answer(&self, update: &TelegramUpdate) {
        match &update.heard {
            PersonAction::Words { user, text } => self.words(update.id, *user, text).await,
            PersonAction::Press(press) => self.press(update.id, press).await,
            PersonAction::Nothing => {}
        }
    }

    async fn words(&self, update: i64, user: i64, text: &str) {
        let text = text.trim();
        let caller = self.caller(user, Some(update));
        let said = match text.split_whitespace().next() {
            Some(word) if word.split('@').next() == Some("/start") => CallerMessage::Line("/help".to_owned()),
            Some(word) if word.starts_with('/') => CallerMessage::Line(text.to_owned()),
            // A guest's words are not worth the operator's model.
            _ if caller.is_guest() => {
                self.tell(user, &Document::line("/help lists what you may use."), &Value::Null).await;
                return;
            }
            _ => CallerMessage::Message(text.to_owned()),
        };
        let line = match &said {
            CallerMessage::Line(line) => Some(line.clone()),
            _ => None,
        };
        match self.dialogue.answer(&caller, said, Some(self.repeat(update))).await {
            Ok(reply) => self.reply(user, line.as_deref(), reply).await,
            Err(error) => self.refuse(user, &error).await,
        }
    }

    async fn press(&self, update: i64, press: &Press) {
        let Some(message) = press.message else {
            self.heard_press(press, Some("Only whoever asked may answer.")).await;
            return;
        };
        self.heard_press(press, None).await;
        let caller = self.caller(press.user, Some(update));
        let answered = match press.data.split_once(':') {
            Some(("confirm", token)) => {
                let said = CallerMessage::Confirm(token.to_owned());
                self.dialogue.answer(&caller, said, Some(self.repeat(update))).await.map(Some)
            }
            // Taken and not run: nobody can confirm it any more.
            Some(("cancel", token)) => self.services.proposals.take(&caller, token).await.map(|_| None),
            _ => return,
        };
        if let Err(fault) = self.telegram.remove_buttons(press.user, message).await {
            tracing::debug!(%fault, "buttons stay");
        }
        match answered {
            Ok(Some(reply)) => self.reply(press.user, None, reply).await,
            Ok(None) => self.tell(press.user, &warning("Cancelled: nothing was done."), &Value::Null).await,
            Err(error) => self.refuse(press.user, &error).await,
        }
    }

    async fn heard_press(&self, press: &Press, text: Option<&str>) {
        if let Err(fault) = self.telegram.answer_press(&press.query, text).await {
            tracing::debug!(%fault, "a press goes on to wait");
        }
    }

    /// Who a user is, in this update.
    pub(crate) fn caller(&self, user: i64, update: Option<i64>) -> Caller {
        let request_id = update.and_then(|update| format!("telegram-{update}").parse::<RequestId>().ok());
        self.services.gate.chat_user(user, request_id)
    }

    /// What makes a command of an update that is heard once more do nothing twice.
    fn repeat(&self, update: i64) -> String {
        format!("telegram-{}-{update}", self.telegram.bot())
    }

    /// A number from 0 to 255; without chance nodes may ask in step.
    pub(crate) fn chance(&self) -> u8 {
        let mut byte = [0];
        self.entropy.fill(&mut byte).map_or(0, |()| byte[0])
    }

    /// A name for this run of this node, which no other has.
    pub(crate) fn holder(&self) -> Option<String> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes).ok()?;
        Some(KeyDigest::new(bytes).to_hex())
    }
}
