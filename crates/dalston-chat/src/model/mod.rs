//! Language model: answers callers with their commands as tools, and writes messages.

mod client;
mod conversation;
mod conversations;
mod wire;
mod writer;

pub use client::LanguageModel;
pub(crate) use conversations::Conversations;
