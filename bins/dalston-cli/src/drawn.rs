//! Answers of commands, from either backend.

use dalston_command::AnyAnswer;

/// An answer from either backend.
pub(crate) struct RenderedAnswer {
    /// The answer of the command, without the secret.
    pub(crate) answer: AnyAnswer,
    /// The secret that was issued, with the name of its field.
    pub(crate) secret: Option<(&'static str, String)>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}
