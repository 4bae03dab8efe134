//! OpenAI's REST API: its official clients work with one of our keys and this base URL, `/openai/v1`.

mod fault;
mod models;
mod path;
mod transcribe;

pub(crate) use fault::{shape, speak};
pub(crate) use models::{model, models};
pub(crate) use path::tidied;
pub(crate) use transcribe::{deliver, transcribe, translate};
