//! The Telegram bot: the registry's commands in a private chat.
//!
//! [`Telegram`] is the client of the Bot API, and delivers notifications (nudges). The [`Bot`] receives updates by long
//! polling or by webhook, and answers them through the dialogue. A user's permissions follow from the user id, which
//! Telegram authenticates.

mod bot;
mod bot_api_error;
mod client;
mod deletion_schedule;
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
