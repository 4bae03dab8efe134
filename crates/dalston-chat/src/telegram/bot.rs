//! The bot: passes updates of users to the dialogue and sends the replies.

use super::{
    Timing,
    client::Telegram,
    deletion_schedule::DeletionSchedule,
    throttle::GuestThrottle,
    update::{PersonAction, Press, TelegramUpdate},
    warning::warning,
};
use crate::{CallerMessage, Dialogue};
use dalston_auth::{Administrators, Caller};
use dalston_command::Document;
use dalston_model::{KeyDigest, RequestId, SharedClock, SharedEntropy};
use dalston_service::Services;
use dalston_work::SharedWorkStorage;
use serde_json::Value;
use std::sync::Arc;

/// The dependencies of a [`Bot`].
pub struct BotParts {
    /// The client of the Bot API.
    pub telegram: Arc<Telegram>,
    /// The dialogue that answers messages.
    pub dialogue: Arc<Dialogue>,
    /// The application services.
    pub services: Arc<Services>,
    /// The store, which all nodes share.
    pub store: SharedWorkStorage,
    /// The administrators.
    pub administrators: Administrators,
    /// The URL for updates by webhook; `None` for long polling.
    pub webhook: Option<String>,
    /// The node's clock.
    pub clock: SharedClock,
    /// The node's source of randomness.
    pub entropy: SharedEntropy,
    /// Timeouts and intervals.
    pub timing: Timing,
}

/// The Telegram bot.
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
    pub(crate) erasures: Arc<DeletionSchedule>,
    throttle: GuestThrottle,
}

impl Bot {
    /// Creates the bot. Sends no request yet.
    pub fn new(parts: BotParts) -> Self {
        let BotParts { telegram, dialogue, services, store, administrators, webhook, clock, entropy, timing } = parts;
        let erasures = DeletionSchedule::new(telegram.clone(), store.clone(), clock.clone(), timing.secret);
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

    /// Deletes the messages with secrets whose deletion is due, including those that a crashed node left behind.
    pub async fn sweep(&self) {
        if let Err(error) = self.erasures.sweep().await {
            tracing::warn!(event = "telegram.erasure_lookup_failed", %error, "could not look up due message deletions");
        }
    }

    /// Deletes all messages with secrets that this node sent. Called at shutdown.
    pub async fn finish(&self) {
        self.erasures.finish().await;
    }

    /// Whether the bot answers an update. Does not query the store, so updates over a guest's limit cost nothing.
    pub(crate) fn is_relevant(&self, update: &TelegramUpdate) -> bool {
        self.telegram.record_update();
        let user = match &update.heard {
            PersonAction::Words { user, .. } => *user,
            PersonAction::Press(press) => press.user,
            PersonAction::Nothing => return false,
        };
        self.administrators.ids().contains(&user) || self.throttle.admit(user, self.clock.now())
    }

    /// Answers an update. Idempotent for commands.
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
            // Guests may not use the operator's language model.
            _ if caller.is_guest() => {
                self.send_document(user, &Document::line("/help lists what you may use."), &Value::Null).await;
                return;
            }
            _ => CallerMessage::Message(text.to_owned()),
        };
        let line = match &said {
            CallerMessage::Line(line) => Some(line.clone()),
            _ => None,
        };
        match self.dialogue.answer(&caller, said, Some(self.idempotency_key(update))).await {
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
                self.dialogue.answer(&caller, said, Some(self.idempotency_key(update))).await.map(Some)
            }
            // Removes the proposal without running it: nobody can confirm it any more.
            Some(("cancel", token)) => self.services.proposals.take(&caller, token).await.map(|_| None),
            _ => return,
        };
        if let Err(fault) = self.telegram.remove_buttons(press.user, message).await {
            tracing::debug!(
                event = "telegram.buttons_not_removed",
                %fault,
                "could not remove the buttons of a message"
            );
        }
        match answered {
            Ok(Some(reply)) => self.reply(press.user, None, reply).await,
            Ok(None) => self.send_document(press.user, &warning("Cancelled: nothing was done."), &Value::Null).await,
            Err(error) => self.refuse(press.user, &error).await,
        }
    }

    async fn heard_press(&self, press: &Press, text: Option<&str>) {
        if let Err(fault) = self.telegram.answer_press(&press.query, text).await {
            tracing::debug!(event = "telegram.press_not_answered", %fault, "could not acknowledge a button press");
        }
    }

    /// The caller for a user; `update` is the number of the update, if there is one.
    pub(crate) fn caller(&self, user: i64, update: Option<i64>) -> Caller {
        let request_id = update.and_then(|update| format!("telegram-{update}").parse::<RequestId>().ok());
        self.services.gate.chat_user(user, request_id)
    }

    /// The idempotency key of an update: a command of a redelivered update runs once.
    fn idempotency_key(&self, update: i64) -> String {
        format!("telegram-{}-{update}", self.telegram.bot())
    }

    /// A random number from 0 to 255 for backoff jitter. Without randomness it is constant, and nodes may retry in
    /// step.
    pub(crate) fn jitter(&self) -> u8 {
        let mut byte = [0];
        self.entropy.fill(&mut byte).map_or(0, |()| byte[0])
    }

    /// A random name that is unique to this run of this node. `None` without randomness.
    pub(crate) fn lease_holder(&self) -> Option<String> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes).ok()?;
        Some(KeyDigest::new(bytes).to_hex())
    }
}
