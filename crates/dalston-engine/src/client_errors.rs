//! Error messages for clients about audio and options that engines reject.

use crate::{command, decode::Unfit, openai, sandbox::DIED};

/// The audio is longer than the operator allows.
pub const TOO_LONG: &str = "The audio is longer than is taken";
/// The audio is longer than a file of its size can be, see [`most_seconds`](crate::most_seconds).
pub const TOO_DENSE: &str = "The audio is too long for the size of its file";
/// The audio is longer than what is left of the daily limit.
pub const DAY_IS_OVER: &str = "The audio is longer than what is left of today's limit";

/// All error messages that blame the audio or the options.
const REFUSALS: [&str; 11] = [
    openai::REFUSED,
    openai::UNTRANSLATED,
    command::INVALID_MODEL,
    command::INVALID_LANGUAGE,
    Unfit::Unknown.text(),
    Unfit::Damaged.text(),
    Unfit::Odd.text(),
    DIED,
    TOO_LONG,
    TOO_DENSE,
    DAY_IS_OVER,
];

/// Whether this error of a job can be fixed by its client: other audio or other options may succeed.
pub fn is_refusal(error: &str) -> bool {
    REFUSALS.contains(&error)
}
