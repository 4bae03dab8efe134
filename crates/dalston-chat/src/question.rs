//! Confirmation request: what a caller is shown before a command runs.

use dalston_auth::Mask;
use dalston_command::{Block, CommandSpec, Document, Effect, Span, Style, exact};
use dalston_model::Door;
use dalston_service::Proposal;

/// A command that waits for its caller's confirmation.
#[derive(Debug)]
pub struct Question {
    /// The pending command, and the token that confirms it.
    pub proposal: Proposal,
    /// The text for the caller: the command and its arguments exactly as they would run.
    pub drawing: Document,
}

impl Question {
    /// Creates the request for this proposal of the command `row`, made through `door`. `mask` hides secrets in the
    /// text.
    pub(crate) fn new(row: &CommandSpec, door: Door, proposal: Proposal, mask: &Mask) -> Self {
        let mut asked = Vec::new();
        if door == Door::Llm {
            asked.push(Span::plain("The language model proposes: "));
        }
        asked.push(Span::new(Style::Strong, row.name));
        asked.push(Span::plain(match row.effect {
            Effect::Irreversible => " cannot be undone. It runs once you confirm it.",
            Effect::Read | Effect::Write => " runs once you confirm it.",
        }));
        let value = |value| vec![Span::new(Style::Code, &mask.text(&exact(value)))];
        let arguments = proposal.arguments.iter().map(|(name, argument)| (name.clone(), value(argument))).collect();
        let drawing = Document::default().with(Block::Line(asked)).with(Block::Fields(arguments));
        Self { proposal, drawing }
    }
}
