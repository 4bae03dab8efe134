//! A line that is worth a look.

use dalston_command::{Block, Drawing, Span, Tone};

/// A line that is worth a look.
pub(crate) fn warning(text: &str) -> Drawing {
    Drawing { blocks: vec![Block::Line(vec![Span::new(Tone::Warning, text)])] }
}
