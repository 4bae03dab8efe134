//! OpenAI's REST API: its official clients work with a key of ours and this base URL, `/openai/v1`.

mod fault;
mod form;
mod models;
mod path;
mod transcribe;

pub(crate) use fault::shape;
pub(crate) use models::{model, models};
pub(crate) use path::tidy;
pub(crate) use transcribe::{transcribe, translate};
