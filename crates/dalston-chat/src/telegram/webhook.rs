//! Updates by webhook: the chat brings each to whichever node it reaches, and again until it is told 200.

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

/// An update that is not answered by then is given up.
const LONGEST: Duration = Duration::from_mins(4);
/// A node that died with an update in its hands is waited for so long.
const BEGUN: Duration = Duration::from_mins(5);
/// The chat brings an update for a day.
const DONE: Duration = Duration::from_hours(48);

/// What came of an update that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// It is answered, now or before.
    Done,
    /// It is being answered elsewhere: bring it again.
    UnderWay,
    /// It is no update.
    Unread,
}

/// What the chat sends in `X-Telegram-Bot-Api-Secret-Token`: the same on all nodes, and nothing from which the token
/// could be told.
pub fn webhook_secret(token: &SecretText) -> String {
    // HMAC takes keys of any length: the error cannot happen, and an empty secret is never accepted.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes()) else { return String::new() };
    KeyDigest::new(mac.chain_update("dalston telegram webhook").finalize().into_bytes().into()).to_hex()
}

impl Bot {
    /// Whether updates come by webhook.
    pub const fn has_webhook(&self) -> bool {
        self.webhook.is_some()
    }

    /// Whether the chat sent this secret.
    pub fn is_from_chat(&self, secret: &[u8]) -> bool {
        let wanted = webhook_secret(self.telegram.token());
        !wanted.is_empty() && bool::from(wanted.as_bytes().ct_eq(secret))
    }

    /// Answers an update that was brought, once over all nodes.
    pub async fn take(&self, update: Value) -> StoreResult<UpdateOutcome> {
        let Some(update) = TelegramUpdate::read(update) else { return Ok(UpdateOutcome::Unread) };
        if !self.concerns(&update) {
            return Ok(UpdateOutcome::Done);
        }
        let name = format!("telegram:{}:update:{}", self.telegram.bot(), update.id);
        if !self.store.put_entry(&name, None, "begun", BEGUN).await? {
            let is_done = self.store.get_entry(&name).await?.is_some_and(|text| text == "done");
            return Ok(if is_done { UpdateOutcome::Done } else { UpdateOutcome::UnderWay });
        }
        if timeout(LONGEST, self.answer(&update)).await.is_err() {
            tracing::error!(update = update.id, "an update took too long");
        }
        // It is answered, whatever the store says now.
        if let Err(error) = self.store.put_entry(&name, Some("begun"), "done", DONE).await {
            tracing::warn!(%error, update = update.id, "an update may be answered once more");
        }
        Ok(UpdateOutcome::Done)
    }

    /// Tells the chat where to bring updates.
    pub(crate) async fn hook(&self, url: &str) -> Result<(), BotApiError> {
        self.telegram.get_me().await?;
        self.telegram.set_webhook(url, &webhook_secret(self.telegram.token())).await?;
        self.set_menus().await
    }
}
