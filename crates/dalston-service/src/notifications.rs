//! Notifications to people: through a chat, with fixed texts or texts composed by a language model.

use crate::ServiceResult;
use async_trait::async_trait;
use dalston_auth::Administrators;
use dalston_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// Why a message was not delivered.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum NotDelivered {
    /// The chat rejects the message: the user is unknown, or has blocked the bot.
    #[error("refused")]
    Refused,
    /// The chat is rate-limited or busy. A retry may succeed.
    #[error("busy")]
    Busy,
    /// The chat is unreachable. It is unknown whether the message arrived.
    #[error("unreachable")]
    Unreachable,
}

/// The state of the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatState {
    /// How updates are received: `poll` or `webhook`.
    pub updates: String,
    /// Whether this node is the one that polls; null when updates are received by webhook.
    pub polling: Option<bool>,
    /// The name of the bot; null until the chat has reported it.
    pub bot: Option<String>,
    /// Whether the last call of the chat was answered; null before the first call.
    pub reachable: Option<bool>,
    /// When the last update was received; null before the first.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_update_at: Option<Timestamp>,
}

/// Sends messages to users of a chat.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a plain text to a user. Returns the id of the message.
    async fn send(&self, user: i64, text: &str) -> Result<i64, NotDelivered>;

    /// Returns the state of the chat.
    fn state(&self) -> ChatState;
}

/// Composes messages, with a language model.
#[async_trait]
pub trait MessageComposer: Send + Sync {
    /// Composes a message about the given subject.
    async fn write(&self, about: &str) -> ServiceResult<String>;
}

/// The configured channels to the administrators.
#[derive(Clone, Default)]
pub struct Notifications {
    /// The chat.
    pub messenger: Option<Arc<dyn Notifier>>,
    /// The language model.
    pub writer: Option<Arc<dyn MessageComposer>>,
    /// The recipients of notifications.
    pub administrators: Administrators,
}
