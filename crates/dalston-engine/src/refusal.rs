//! What engines say of audio and of options that they do not take.

use crate::{command, decode, openai, vad};

/// All of it.
const REFUSALS: [&str; 6] =
    [openai::REFUSED, command::ODD_MODEL, command::ODD_LANGUAGE, decode::UNKNOWN, decode::DAMAGED, vad::ODD];

/// Whether this error of a job is for its client to mend: other audio, or other options, may do.
pub fn is_refusal(error: &str) -> bool {
    REFUSALS.contains(&error)
}
