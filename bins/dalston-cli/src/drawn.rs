//! Answers of commands, from either backend.

use dalston_command::AnyAnswer;

/// An answer, whichever way it came.
pub(crate) struct RenderedAnswer {
    /// The answer of the command, without the secret.
    pub(crate) answer: AnyAnswer,
    /// The secret that was made, by its name.
    pub(crate) secret: Option<(&'static str, String)>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}
