//! Output styles.

use crate::terminal::Terminal;

/// Style of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputStyle {
    /// For a person: tables, with colour if wanted.
    Terminal(Terminal),
    /// For a pipe: columns separated by tabs.
    Plain,
    /// The JSON of the command.
    Json,
    /// Only the secret, or only ids.
    Quiet,
}
