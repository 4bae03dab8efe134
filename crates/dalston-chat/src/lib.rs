//! Conversations: slash commands, a language model with the caller's commands as tools, the Telegram bot.
//!
//! Every message goes to the [`Dialogue`], which runs commands of the registry as the caller and returns a
//! [`DialogueReply`]. The model and the chat have no permissions of their own, so they never extend those of the caller.

mod dialogue;
mod model;
mod question;
mod telegram;

pub use dialogue::{CallerMessage, Dialogue, DialogueReply};
pub use model::LanguageModel;
pub use question::Question;
pub use telegram::{Bot, BotParts, Telegram, TelegramParts, Timing, UpdateOutcome, markup, webhook_secret};
