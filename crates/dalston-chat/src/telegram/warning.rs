//! Renders a line in the warning style.

use dalston_command::{Block, Document, Span, Style};

/// Renders a line in the warning style.
pub(crate) fn warning(text: &str) -> Document {
    Document { blocks: vec![Block::Line(vec![Span::new(Style::Warning, text)])] }
}
