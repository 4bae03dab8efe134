//! How the service speaks to people: through a chat, in words of its own or of a language model.

use crate::ServiceResult;
use async_trait::async_trait;
use dalston_auth::Administrators;
use dalston_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// Why a message did not arrive.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum NotDelivered {
    /// The chat does not take it: nobody there, or the bot is blocked.
    #[error("refused")]
    Refused,
    /// The chat has no room for it now.
    #[error("busy")]
    Busy,
    /// The chat cannot be reached. Whether the message arrived is not known.
    #[error("unreachable")]
    Unreachable,
}

/// How the chat is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatState {
    /// How updates come: `poll` or `webhook`.
    pub updates: String,
    /// Whether this node is the one that polls; null where updates come by webhook.
    pub polling: Option<bool>,
    /// The name of the bot; null before the chat told it.
    pub bot: Option<String>,
    /// Whether the last call to the chat was answered; null before the first.
    pub reachable: Option<bool>,
    /// When the last update came; null before the first.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_update_at: Option<Timestamp>,
}

/// A chat with people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a plain text to a user. Gives the id of the message.
    async fn send(&self, user: i64, text: &str) -> Result<i64, NotDelivered>;

    /// How the chat is.
    fn state(&self) -> ChatState;
}

/// Somebody who puts things into words.
#[async_trait]
pub trait MessageComposer: Send + Sync {
    /// A message about what is asked for.
    async fn write(&self, about: &str) -> ServiceResult<String>;
}

/// The ways to speak that are configured.
#[derive(Clone, Default)]
pub struct Notifications {
    /// The chat.
    pub messenger: Option<Arc<dyn Notifier>>,
    /// The language model.
    pub writer: Option<Arc<dyn MessageComposer>>,
    /// Whom the service speaks to.
    pub administrators: Administrators,
}
