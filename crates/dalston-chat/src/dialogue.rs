//! What a caller says, and what they are told: the same for `POST /call` and for the chat.

use dalston_auth::{Caller, PlainKey};
use dalston_command::{Answer, Arguments, Block, Drawing, Effect, Registry, Row, Span, Tone, fields};
use dalston_model::{Cursor, SharedClock};
use dalston_service::{Proposal, Repeat, ServiceError, ServiceResult, Services};
use serde_json::Value;
use std::sync::Arc;

/// What a caller says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A command by its name, with its arguments.
    Command(String, Arguments),
    /// A command as it is typed: `/keys_list limit=5`.
    Line(String),
    /// Anything else, for the language model.
    Message(String),
    /// The token of a proposal.
    Confirm(String),
}

/// What a caller is told.
#[derive(Debug)]
pub struct Reply {
    /// For people.
    pub drawing: Drawing,
    /// The JSON of the command; null where none ran.
    pub data: Value,
    /// The command that ran or is proposed.
    pub command: Option<String>,
    /// The secrets that were made: beside the text, never in it.
    pub secrets: Vec<PlainKey>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Whether only a part of what was asked for was done.
    pub partial: bool,
    /// A command that waits for the caller's word.
    pub proposal: Option<Proposal>,
}

/// Answers callers.
pub struct Dialogue {
    services: Arc<Services>,
    registry: Arc<Registry>,
    clock: SharedClock,
}

impl Dialogue {
    /// With these commands.
    pub fn new(services: Arc<Services>, registry: Arc<Registry>, clock: SharedClock) -> Self {
        Self { services, registry, clock }
    }

    /// The commands.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Answers what the caller says. A command that cannot be undone is proposed, and runs once it is confirmed.
    pub async fn answer(&self, caller: &Caller, said: Said, repeat: Option<Repeat>) -> ServiceResult<Reply> {
        match said {
            Said::Command(name, arguments) => {
                let row = self.registry.row(&name).ok_or(ServiceError::NotFound("Command"))?;
                self.command(caller, row, arguments, repeat).await
            }
            Said::Line(line) => {
                let (row, arguments) = self.registry.read_line(&line)?;
                self.command(caller, row, arguments, repeat).await
            }
            Said::Confirm(token) => {
                let (name, arguments) = self.services.proposals.take(caller, &token).await?;
                let row = self.registry.row(&name).ok_or(ServiceError::NotFound("Command"))?;
                self.run(caller, row, arguments, repeat).await
            }
            Said::Message(_) => Err(ServiceError::Unconfigured("No language model is configured")),
        }
    }

    /// Runs the command, or proposes it.
    pub(crate) async fn command(
        &self,
        caller: &Caller,
        row: &Row,
        arguments: Arguments,
        repeat: Option<Repeat>,
    ) -> ServiceResult<Reply> {
        if row.effect != Effect::Irreversible {
            return self.run(caller, row, arguments, repeat).await;
        }
        self.registry.check(&self.services, caller, row, arguments.clone())?;
        let proposal = self.services.proposals.propose(caller, row.name, arguments).await?;
        Ok(Reply {
            drawing: question(row, &proposal),
            data: Value::Null,
            command: Some(row.name.to_owned()),
            secrets: Vec::new(),
            next: None,
            partial: false,
            proposal: Some(proposal),
        })
    }

    async fn run(
        &self,
        caller: &Caller,
        row: &Row,
        arguments: Arguments,
        repeat: Option<Repeat>,
    ) -> ServiceResult<Reply> {
        let answer = self.registry.invoke(&self.services, caller, row.name, arguments, repeat).await?;
        let Answer { data, secret, next, partial } = answer;
        Ok(Reply {
            drawing: row.draw(&data, self.clock.now()),
            data,
            command: Some(row.name.to_owned()),
            secrets: secret.into_iter().collect(),
            next,
            partial,
            proposal: None,
        })
    }
}

/// What the caller is asked before a command that cannot be undone.
fn question(row: &Row, proposal: &Proposal) -> Drawing {
    let asked = vec![Span::new(Tone::Strong, row.name), Span::plain(" cannot be undone. It runs once you confirm it.")];
    let arguments = fields("", &Value::Object(proposal.arguments.clone()));
    let arguments = arguments.into_iter().map(|(name, value)| (name, vec![Span::new(Tone::Code, &value)])).collect();
    Drawing::default().with(Block::Line(asked)).with(Block::Fields(arguments))
}
