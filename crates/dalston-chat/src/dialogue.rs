//! Dialogue: the callers' messages and the replies, the same for `POST /call` and for the chat.

use crate::{
    Question,
    model::{Conversations, LanguageModel},
};
use dalston_auth::{Caller, IdempotentRequest};
use dalston_command::{Arguments, CommandSpec, Document, Effect, Registry};
use dalston_model::{Cursor, SharedClock};
use dalston_service::{Confirmed, NewSecret, ServiceError, ServiceResult, Services};
use serde_json::Value;
use std::sync::Arc;

/// A message of a caller.
#[derive(Debug, Clone, PartialEq)]
pub enum CallerMessage {
    /// A command by its name, with its arguments.
    Command(String, Arguments),
    /// A command as slash text: `/keys_list limit=5`.
    Line(String),
    /// Any other text, for the language model.
    Message(String),
    /// The token of a proposal, to confirm it.
    Confirm(String),
}

/// The reply to a caller.
#[derive(Debug, Default)]
pub struct DialogueReply {
    /// The text for people.
    pub drawing: Document,
    /// The JSON output of the command; null if none ran.
    pub data: Value,
    /// The command that ran or is proposed.
    pub command: Option<String>,
    /// The newly created secrets. They are never part of the text.
    pub secrets: Vec<NewSecret>,
    /// The cursor of the next page.
    pub next: Option<Cursor>,
    /// Whether only a part of the request was carried out.
    pub partial: bool,
    /// The commands that wait for the caller's confirmation, in the order of their proposal.
    pub questions: Vec<Question>,
    /// The commands that a language model ran, in order; `None` where the caller named the command.
    pub ran: Option<Vec<&'static str>>,
}

impl DialogueReply {
    /// The whole reply as plain text: the answer, then the confirmation requests.
    pub fn plain(&self) -> String {
        let drawings = std::iter::once(&self.drawing).chain(self.questions.iter().map(|question| &question.drawing));
        let texts = drawings.map(Document::plain).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join("\n\n")
    }
}

/// Answers the messages of callers.
pub struct Dialogue {
    pub(crate) services: Arc<Services>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: SharedClock,
    conversations: Option<Conversations>,
}

impl Dialogue {
    /// Creates a dialogue over these commands, with a model for free text.
    pub fn new(
        services: Arc<Services>,
        registry: Arc<Registry>,
        clock: SharedClock,
        model: Option<Arc<LanguageModel>>,
    ) -> Self {
        let conversations = model.map(|model| Conversations::new(model, services.tenant_presence.clone()));
        Self { services, registry, clock, conversations }
    }

    /// The registry of commands.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Answers a message of the caller. An irreversible command is only proposed, and runs once it is confirmed.
    /// `repeat` is the client's `Idempotency-Key`, if it sent one.
    pub async fn answer(
        &self,
        caller: &Caller,
        said: CallerMessage,
        repeat: Option<String>,
    ) -> ServiceResult<DialogueReply> {
        match said {
            CallerMessage::Command(name, arguments) => {
                let row = self.registry.row(&name).ok_or(ServiceError::NotFound("Command"))?;
                self.command(caller, row, arguments, repeat).await
            }
            CallerMessage::Line(line) => {
                let (row, arguments) = self.registry.read_line(&line)?;
                self.command(caller, row, arguments, repeat).await
            }
            CallerMessage::Confirm(token) => {
                let Confirmed { caller, command, arguments } = self.services.proposals.take(caller, &token).await?;
                let row = self.registry.row(&command).ok_or(ServiceError::NotFound("Command"))?;
                self.run(&caller, row, arguments, repeat).await
            }
            CallerMessage::Message(text) => match &self.conversations {
                Some(conversations) => conversations.answer(self, caller, text).await,
                None => Err(ServiceError::Unconfigured("No language model is configured")),
            },
        }
    }

    /// Runs the command, or proposes it if it is irreversible.
    async fn command(
        &self,
        caller: &Caller,
        row: &CommandSpec,
        arguments: Arguments,
        repeat: Option<String>,
    ) -> ServiceResult<DialogueReply> {
        if row.effect != Effect::Irreversible {
            return self.run(caller, row, arguments, repeat).await;
        }
        let question = self.propose(caller, row, arguments).await?;
        Ok(DialogueReply { command: Some(row.name.to_owned()), questions: vec![question], ..DialogueReply::default() })
    }

    /// Stores a command as a proposal until the caller confirms it. Fails now if the caller is not authorized to run
    /// it.
    pub(crate) async fn propose(
        &self,
        caller: &Caller,
        row: &CommandSpec,
        arguments: Arguments,
    ) -> ServiceResult<Question> {
        self.registry.check(&self.services, caller, row, arguments.clone())?;
        let proposal = self.services.proposals.propose(caller, row.name, arguments).await?;
        Ok(Question::new(row, caller.source().door, proposal, &self.services.mask))
    }

    async fn run(
        &self,
        caller: &Caller,
        row: &CommandSpec,
        arguments: Arguments,
        repeat: Option<String>,
    ) -> ServiceResult<DialogueReply> {
        let repeat = repeat.map(|key| IdempotentRequest::of(key, &arguments));
        let answer = self.registry.invoke(&self.services, caller, row.name, arguments, repeat).await?;
        Ok(DialogueReply {
            drawing: answer.render(self.clock.now()),
            data: answer.data,
            command: Some(row.name.to_owned()),
            secrets: answer.secret.map(|issued| issued.secret).into_iter().collect(),
            next: answer.next,
            partial: answer.partial,
            ..DialogueReply::default()
        })
    }
}
