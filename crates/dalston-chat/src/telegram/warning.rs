//! A line that is worth a look.

use dalston_command::{Block, Document, Span, Style};

/// A line that is worth a look.
pub(crate) fn warning(text: &str) -> Document {
    Document { blocks: vec![Block::Line(vec![Span::new(Style::Warning, text)])] }
}
