//! What engines say of audio and of options that they do not take.

use crate::{command, decode::Unfit, openai, sandbox::DIED};

/// All of it.
const REFUSALS: [&str; 7] = [
    openai::REFUSED,
    command::ODD_MODEL,
    command::ODD_LANGUAGE,
    Unfit::Unknown.text(),
    Unfit::Damaged.text(),
    Unfit::Odd.text(),
    DIED,
];

/// Whether this error of a job is for its client to mend: other audio, or other options, may do.
pub fn is_refusal(error: &str) -> bool {
    REFUSALS.contains(&error)
}
