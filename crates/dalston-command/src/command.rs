//! The `Command` trait and the `CommandSpec` that the registry derives from it.

use crate::{AnyAnswer, Arguments, CommandAnswer, CommandOutput, Document, Registry, arguments::parse, schema};
use bytes::Bytes;
use dalston_auth::{Admission, Caller, IdempotentRequest, Permit, Requirement, Right};
use dalston_model::{KnownScopes, Timestamp};
use dalston_service::{ServiceResult, Services};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{future::Future, pin::Pin};

/// What running a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing changes.
    Read,
    /// Something changes, and can be changed back.
    Write,
    /// An irreversible change: doors ask for confirmation first.
    Irreversible,
}

impl Effect {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Irreversible => "irreversible",
        }
    }
}

/// The methods of HTTP routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or does.
    Post,
    /// Puts a thing whole, or again.
    Put,
    /// Changes.
    Patch,
    /// Ends.
    Delete,
}

impl Method {
    /// The method's token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The HTTP route of a command. Segments in braces carry the arguments of that name; other arguments come in the query
/// of a GET or DELETE, and in the body of a POST, PUT or PATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpRoute {
    /// The method.
    pub method: Method,
    /// The pattern.
    pub pattern: &'static str,
    /// Whether it makes a thing: 201, and `Location` is this route with the thing's id behind it.
    pub creates: bool,
}

impl HttpRoute {
    /// The route of this method and pattern.
    pub const fn new(method: Method, pattern: &'static str) -> Self {
        Self { method, pattern, creates: false }
    }

    /// One that makes a thing.
    pub const fn creating(pattern: &'static str) -> Self {
        Self { method: Method::Post, pattern, creates: true }
    }
}

/// The execution context of a command.
pub struct CommandContext<'a, R: Right> {
    /// The table itself.
    pub registry: &'a Registry,
    /// The application services.
    pub services: &'a Services,
    /// The proof that the caller may run it.
    pub permit: Permit<R>,
    /// The client's `Idempotency-Key`, if it sent one.
    pub repeat: Option<IdempotentRequest>,
}

/// A call of a command, as a door makes it: whether the caller may make it is not checked yet.
pub(crate) struct CommandCall<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) services: &'a Services,
    pub(crate) admission: Admission,
    pub(crate) repeat: Option<IdempotentRequest>,
}

impl<'a> CommandCall<'a> {
    /// What the command has at hand, once the caller is authorized. A refusal is counted with those of the caller's key.
    fn context<R: Right>(self) -> ServiceResult<CommandContext<'a, R>> {
        let Self { registry, services, admission, repeat } = self;
        let permit = admission.permit().inspect_err(|_| services.gate.refused_behind(admission.caller()))?;
        Ok(CommandContext { registry, services, permit, repeat })
    }
}

/// A command. Its doc comment is its summary, its fields are its parameters, their doc comments what they mean.
pub trait Command: DeserializeOwned + JsonSchema + Send + 'static {
    /// The permission that it requires.
    type Right: Right;

    /// Its output.
    type Output: CommandOutput;

    /// Its name: `noun.verb`, or a verb.
    const NAME: &'static str;
    /// Its name as a tool of MCP and language models.
    const TOOL: &'static str;
    /// What running it does.
    const EFFECT: Effect;
    /// Its HTTP route.
    const ROUTE: HttpRoute;
    /// The columns of its table, where it answers a list.
    const COLUMNS: &'static [&'static str] = &[];
    /// Arguments of an example, as they are typed.
    const EXAMPLE: &'static str = "";

    /// Whether its answer is a text to be read, in a pipe too.
    const IS_TEXT: bool = false;

    /// Renders its output for people, at the time `now`.
    fn render(output: &Self::Output, now: Timestamp) -> Document {
        let _ = now;
        Document::of_output(output, Self::COLUMNS)
    }

    /// Whether its output says that all is well: a program that ran it learns that by the exit code.
    fn is_success(output: &Self::Output) -> bool {
        let _ = output;
        true
    }

    /// Its answer as JSON without arguments, where one is kept ready: a door that gives bytes need not run it then.
    fn ready(services: &Services, caller: &Caller) -> Option<Bytes> {
        let _ = (services, caller);
        None
    }

    /// Fails where its arguments are not acceptable to a deployment, before the caller is asked to confirm it.
    fn check(&self, services: &Services) -> ServiceResult<()> {
        let _ = services;
        Ok(())
    }

    /// Runs it.
    fn run(
        self,
        context: CommandContext<'_, Self::Right>,
    ) -> impl Future<Output = ServiceResult<CommandAnswer<Self::Output>>> + Send;
}

/// A parameter of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it means.
    pub summary: String,
    /// Whether it must be given.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

type RunningCommand<'a> = Pin<Box<dyn Future<Output = ServiceResult<AnyAnswer>> + Send + 'a>>;

/// The specification of a command in the registry.
pub struct CommandSpec {
    /// Its name.
    pub name: &'static str,
    /// Its name as a tool.
    pub tool: &'static str,
    /// What it does, in a sentence or two.
    pub summary: String,
    /// The permission that it requires.
    pub need: Requirement,
    /// What running it does.
    pub effect: Effect,
    /// Its HTTP route.
    pub route: HttpRoute,
    /// The columns of its table.
    pub columns: &'static [&'static str],
    /// Arguments of an example.
    pub example: &'static str,
    /// Its parameters, in the order of its type.
    pub parameters: Vec<Parameter>,
    /// The JSON Schema of all its parameters.
    pub schema: Value,
    /// Whether its answer is a text to be read, in a pipe too.
    pub is_text: bool,
    /// The JSON Schema of its output (draft 2020-12).
    pub output: Map<String, Value>,
    read: fn(&CommandSpec, Value) -> Result<AnyAnswer, ShapeError>,
    ready: fn(&Services, &Caller) -> Option<Bytes>,
    check: fn(&CommandSpec, &Services, Arguments) -> ServiceResult<()>,
    known: fn(&KnownScopes) -> CommandSpec,
    run: for<'a> fn(&'a CommandSpec, CommandCall<'a>, Arguments) -> RunningCommand<'a>,
}

impl CommandSpec {
    /// The row of a command, where these scopes are known.
    pub(crate) fn of<C: Command>(known: &KnownScopes) -> Self {
        let schema = schema::parameters::<C>(known);
        let summary = text(&schema["description"]);
        let parameters = parameters(&schema);
        Self {
            name: C::NAME,
            tool: C::TOOL,
            summary,
            need: C::Right::need(),
            effect: C::EFFECT,
            route: C::ROUTE,
            columns: C::COLUMNS,
            example: C::EXAMPLE,
            parameters,
            schema: schema::bare(schema).into(),
            is_text: C::IS_TEXT,
            output: schema::output::<C::Output>(),
            read: |row, data| {
                let output = serde_path_to_error::deserialize(&data).map_err(|error| ShapeError::new(row, &error))?;
                Ok(AnyAnswer::read::<C>(data, output))
            },
            ready: C::ready,
            check: |row, services, arguments| parse::<C>(row, arguments)?.check(services),
            known: Self::of::<C>,
            run: |row, call, arguments| {
                Box::pin(async move {
                    let context = call.context::<C::Right>()?;
                    AnyAnswer::of::<C>(parse::<C>(row, arguments)?.run(context).await?)
                })
            },
        }
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The one required parameter, which may stand alone where arguments are typed.
    pub fn lone_parameter(&self) -> Option<&Parameter> {
        let mut required = self.parameters.iter().filter(|parameter| parameter.required);
        let lone = required.next()?;
        required.next().is_none().then_some(lone)
    }

    /// The answer that a gateway gave as this JSON. Fields that are not known here are passed over. Fails where it is none
    /// of this command.
    pub fn read(&self, data: Value) -> Result<AnyAnswer, ShapeError> {
        (self.read)(self, data)
    }

    /// The answer as JSON without arguments, where one is kept ready for a caller who may run it.
    pub fn ready(&self, services: &Services, caller: &Caller) -> Option<Bytes> {
        caller.may(self.need).then(|| (self.ready)(services, caller)).flatten()
    }

    /// The name as slash text: `/keys_list`.
    pub fn slash(&self) -> String {
        format!("/{}", self.name.replace('.', "_"))
    }

    /// The same row, where these scopes are known.
    pub(crate) fn knowing(&self, known: &KnownScopes) -> Self {
        (self.known)(known)
    }

    pub(crate) fn check(&self, services: &Services, arguments: Arguments) -> ServiceResult<()> {
        (self.check)(self, services, arguments)
    }

    pub(crate) async fn run(&self, call: CommandCall<'_>, arguments: Arguments) -> ServiceResult<AnyAnswer> {
        (self.run)(self, call, arguments).await
    }
}

/// JSON that is not the answer of its command. Names fields, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{command} answers in another shape: {what}")]
pub struct ShapeError {
    command: &'static str,
    what: String,
}

impl ShapeError {
    fn new(row: &CommandSpec, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let said = error.inner().to_string();
        let what = match error.path().to_string() {
            // What is missing has no place of its own.
            path if said.starts_with("missing field") => format!("{said} at {path}"),
            path => format!("{path} does not fit"),
        };
        Self { command: row.name, what }
    }
}

fn parameters(schema: &Value) -> Vec<Parameter> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Parameter {
            name: name.clone(),
            summary: text(&schema["description"]),
            required: required(name),
            schema: schema.clone(),
        })
        .collect()
}

/// A doc comment as one line.
fn text(description: &Value) -> String {
    description.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
