//! What a caller is asked before a command runs.

use dalston_auth::Mask;
use dalston_command::{Block, Document, Effect, CommandSpec, Span, Style, exact};
use dalston_model::Door;
use dalston_service::Proposal;

/// A command that waits for its caller's confirmation.
#[derive(Debug)]
pub struct Question {
    /// What waits, and what confirms it.
    pub proposal: Proposal,
    /// What the caller is shown: the command, and its arguments exactly as they would run.
    pub drawing: Document,
}

impl Question {
    /// About this proposal of a command of `row`, which came through `door`. What is masked is not shown here either.
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
