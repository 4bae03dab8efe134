//! The Telegram bot: the registry's commands in a private chat.
//!
//! [`Telegram`] talks to the Bot API, and is how nudges reach people. The [`Bot`] hears updates, by long polling or by
//! webhook, and answers them through the dialogue: what a user may do follows from the id that the chat vouches for.

mod bot;
mod client;
mod erasures;
mod bot_api_error;
mod markup;
mod menu;
mod messenger;
mod parts;
mod poller;
mod reply;
mod throttle;
mod timing;
mod update;
mod warning;
mod webhook;

pub use bot::{Bot, BotParts};
pub use client::{Telegram, TelegramParts};
pub use markup::markup;
pub use timing::Timing;
pub use webhook::{UpdateOutcome, webhook_secret};
