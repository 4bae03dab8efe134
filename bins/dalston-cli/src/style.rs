//! How answers are shown.

use crate::terminal::Terminal;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputStyle {
    /// For a person: tables, and colour if it is wanted.
    Terminal(Terminal),
    /// For a pipe: tabs between columns.
    Plain,
    /// The JSON of the command.
    Json,
    /// The secret alone, or ids.
    Quiet,
}
