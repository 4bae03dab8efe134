//! Updates by webhook: Telegram posts each update to any node, and retries until it receives 200.

use super::{bot::Bot, bot_api_error::BotApiError, update::TelegramUpdate};
use dalston_auth::SecretText;
use dalston_model::KeyDigest;
use dalston_store::StoreResult;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::timeout;

/// Timeout of answering an update.
const LONGEST: Duration = Duration::from_mins(4);
/// How long an update counts as under way, in case its node crashed. After that another node may answer it.
const BEGUN: Duration = Duration::from_mins(5);
/// How long an answered update is remembered. Telegram retries an update for a day.
const DONE: Duration = Duration::from_hours(48);

/// The outcome of an update received by webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The update is answered, now or earlier.
    Done,
    /// Another request is answering the update: Telegram must retry.
    UnderWay,
    /// The body is not an update.
    Unread,
}

/// The secret that Telegram sends in `X-Telegram-Bot-Api-Secret-Token`: the same on all nodes, derived from the token
/// by HMAC, so that it does not reveal the token.
pub fn webhook_secret(token: &SecretText) -> String {
    // HMAC accepts keys of any length: the error cannot happen, and an empty secret is never accepted.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()) else { return String::new() };
    KeyDigest::new(mac.chain_update("dalston telegram webhook").finalize().into_bytes().into()).to_hex()
}

impl Bot {
    /// Whether updates are received by webhook.
    pub const fn has_webhook(&self) -> bool {
        self.webhook.is_some()
    }

    /// Whether `secret` is the webhook secret, which proves that Telegram sent the request.
    pub fn is_from_chat(&self, secret: &[u8]) -> bool {
        let wanted = webhook_secret(self.telegram.token());
        !wanted.is_empty() && bool::from(wanted.as_bytes().ct_eq(secret))
    }

    /// Answers an update, once over all nodes.
    pub async fn answer_webhook_update(&self, update: Value) -> StoreResult<UpdateOutcome> {
        let Some(update) = TelegramUpdate::read(update) else { return Ok(UpdateOutcome::Unread) };
        if !self.is_relevant(&update) {
            return Ok(UpdateOutcome::Done);
        }
        let name = format!("telegram:{}:update:{}", self.telegram.bot(), update.id);
        if !self.store.put_entry(&name, None, "begun", BEGUN).await? {
            let is_done = self.store.get_entry(&name).await?.is_some_and(|text| text == "done");
            return Ok(if is_done { UpdateOutcome::Done } else { UpdateOutcome::UnderWay });
        }
        if timeout(LONGEST, self.answer(&update)).await.is_err() {
            tracing::error!(
                event = "telegram.update_timed_out",
                update = update.id,
                "abandoned an update: it took too long"
            );
        }
        // The update is answered, even if the store fails now.
        if let Err(error) = self.store.put_entry(&name, Some("begun"), "done", DONE).await {
            tracing::warn!(
                event = "telegram.update_not_recorded",
                %error,
                update = update.id,
                "could not record an answered update"
            );
        }
        Ok(UpdateOutcome::Done)
    }

    /// Registers the webhook at `url` with Telegram.
    pub(crate) async fn register_webhook(&self, url: &str) -> Result<(), BotApiError> {
        self.telegram.get_me().await?;
        self.telegram.set_webhook(url, &webhook_secret(self.telegram.token())).await?;
        self.set_menus().await
    }
}
