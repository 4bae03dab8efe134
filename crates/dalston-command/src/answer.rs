//! What a command answers: data, and beside it what does not belong into data.

use dalston_model::Cursor;
use dalston_service::{Secret, Transcript};
use serde_json::Value;

/// An answer. A secret is never part of the data: each door hands it over in its own way, or not at all.
#[derive(Debug)]
pub struct Answer {
    /// The JSON that every door gives.
    pub data: Value,
    /// The secret that was made: of a key, or of a webhook.
    pub secret: Option<Secret>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Whether only a part of what was asked for was done.
    pub partial: bool,
    /// The result of a job that is too long to stand in the data, where its summary does: a door that streams gives the
    /// whole in the place of `result`.
    pub long: Option<Transcript>,
}

impl Answer {
    /// Data and nothing else.
    pub const fn new(data: Value) -> Self {
        Self { data, secret: None, next: None, partial: false, long: None }
    }
}
