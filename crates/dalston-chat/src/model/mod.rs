//! A language model behind an OpenAI-compatible server: it talks for callers with their commands as tools, and writes.

mod client;
mod conversation;
mod conversations;
mod wire;
mod writer;

pub use client::LanguageModel;
pub(crate) use conversations::Conversations;
