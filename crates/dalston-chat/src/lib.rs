//! Conversations: slash text, a language model with the caller's commands as tools, the Telegram bot.
//!
//! Whatever is said comes to the [`Dialogue`], which runs the commands of the registry for the caller and says what
//! came of it. The model and the chat never widen what the caller may do: they hold no rights of their own.

mod dialogue;
mod model;
mod question;
mod telegram;

pub use dialogue::{Dialogue, DialogueReply, CallerMessage};
pub use model::LanguageModel;
pub use question::Question;
pub use telegram::{Bot, BotParts, UpdateOutcome, Telegram, TelegramParts, Timing, markup, webhook_secret};
