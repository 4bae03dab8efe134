//! What engines say of audio and of options that they do not take.

use crate::{command, decode::Unfit, openai, sandbox::DIED};

/// Audio is longer than the operator allows.
pub const TOO_LONG: &str = "The audio is longer than is taken";
/// Audio is longer than a file of its size can be, see [`most_seconds`](crate::most_seconds).
pub const TOO_DENSE: &str = "The audio is too long for the size of its file";
/// Audio is longer than what was left of the day.
pub const DAY_IS_OVER: &str = "The audio is longer than what is left of today's limit";

/// All of it.
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

/// Whether this error of a job is for its client to mend: other audio, or other options, may do.
pub fn is_refusal(error: &str) -> bool {
    REFUSALS.contains(&error)
}
