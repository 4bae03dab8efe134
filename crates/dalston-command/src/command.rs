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
    /// Changes nothing.
    Read,
    /// A change that can be reversed.
    Write,
    /// An irreversible change: doors ask for confirmation first.
    Irreversible,
}

impl Effect {
    /// Returns the name on the wire.
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
    /// Creates, or runs an action.
    Post,
    /// Creates or replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Returns the method's token.
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

/// The HTTP route of a command. Path segments in braces carry the arguments of that name. Other arguments are in the
/// query of a GET or DELETE, and in the body of a POST, PUT or PATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpRoute {
    /// The method.
    pub method: Method,
    /// The path pattern.
    pub pattern: &'static str,
    /// Whether the route creates a resource: the response is 201, and `Location` is this route followed by the
    /// resource's id.
    pub creates: bool,
}

impl HttpRoute {
    /// Returns the route with this method and pattern.
    pub const fn new(method: Method, pattern: &'static str) -> Self {
        Self { method, pattern, creates: false }
    }

    /// Returns a POST route that creates a resource.
    pub const fn creating(pattern: &'static str) -> Self {
        Self { method: Method::Post, pattern, creates: true }
    }
}

/// The execution context of a command.
pub struct CommandContext<'a, R: Right> {
    /// The registry of commands.
    pub registry: &'a Registry,
    /// The application services.
    pub services: &'a Services,
    /// The proof that the caller is authorized.
    pub permit: Permit<R>,
    /// The client's `Idempotency-Key` request, if it sent one.
    pub repeat: Option<IdempotentRequest>,
}

/// A call of a command as received by a door, before authorization.
pub(crate) struct CommandCall<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) services: &'a Services,
    pub(crate) admission: Admission,
    pub(crate) repeat: Option<IdempotentRequest>,
}

impl<'a> CommandCall<'a> {
    /// Authorizes the caller and returns the command's context. A refusal is counted for the caller's key.
    fn context<R: Right>(self) -> ServiceResult<CommandContext<'a, R>> {
        let Self { registry, services, admission, repeat } = self;
        let permit = admission.permit().inspect_err(|_| services.gate.count_insufficient_scope(admission.caller()))?;
        Ok(CommandContext { registry, services, permit, repeat })
    }
}

/// A command. Its doc comment is its summary; its fields are its parameters, described by their doc comments.
pub trait Command: DeserializeOwned + JsonSchema + Send + 'static {
    /// The permission that it requires.
    type Right: Right;

    /// Its output.
    type Output: CommandOutput;

    /// Name: `noun.verb`, or a verb.
    const NAME: &'static str;
    /// Name as a tool of MCP and language models.
    const TOOL: &'static str;
    /// Effect of running it.
    const EFFECT: Effect;
    /// HTTP route.
    const ROUTE: HttpRoute;
    /// Columns of its table, if it outputs a list.
    const COLUMNS: &'static [&'static str] = &[];
    /// Example arguments, as they are typed.
    const EXAMPLE: &'static str = "";

    /// Whether its output is text for people, even in a pipe.
    const IS_TEXT: bool = false;

    /// Renders the output for people, at the time `now`.
    fn render(output: &Self::Output, now: Timestamp) -> Document {
        let _ = now;
        Document::of_output(output, Self::COLUMNS)
    }

    /// Returns whether the output reports success. The command line turns this into its exit code.
    fn is_success(output: &Self::Output) -> bool {
        let _ = output;
        true
    }

    /// Returns the cached JSON of an answer without arguments, if there is one. A door that sends bytes then need not
    /// run the command.
    fn ready(services: &Services, caller: &Caller) -> Option<Bytes> {
        let _ = (services, caller);
        None
    }

    /// Fails if the arguments are not acceptable to this deployment, before the caller is asked for confirmation.
    fn check(&self, services: &Services) -> ServiceResult<()> {
        let _ = services;
        Ok(())
    }

    /// Runs the command.
    fn run(
        self,
        context: CommandContext<'_, Self::Right>,
    ) -> impl Future<Output = ServiceResult<CommandAnswer<Self::Output>>> + Send;
}

/// A parameter of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Description.
    pub summary: String,
    /// Whether it is required.
    pub required: bool,
    /// JSON Schema.
    pub schema: Value,
}

type RunningCommand<'a> = Pin<Box<dyn Future<Output = ServiceResult<AnyAnswer>> + Send + 'a>>;

/// The specification of a command in the registry.
pub struct CommandSpec {
    /// Name.
    pub name: &'static str,
    /// Name as a tool.
    pub tool: &'static str,
    /// Description, in a sentence or two.
    pub summary: String,
    /// Required permission.
    pub requirement: Requirement,
    /// Effect of running it.
    pub effect: Effect,
    /// HTTP route.
    pub route: HttpRoute,
    /// Columns of its table.
    pub columns: &'static [&'static str],
    /// Example arguments.
    pub example: &'static str,
    /// Parameters, in the order of the type's fields.
    pub parameters: Vec<Parameter>,
    /// JSON Schema of all parameters.
    pub schema: Value,
    /// Whether its output is text for people, even in a pipe.
    pub is_text: bool,
    /// JSON Schema of its output (draft 2020-12).
    pub output: Map<String, Value>,
    read: fn(&CommandSpec, Value) -> Result<AnyAnswer, ShapeError>,
    ready: fn(&Services, &Caller) -> Option<Bytes>,
    check: fn(&CommandSpec, &Services, Arguments) -> ServiceResult<()>,
    known: fn(&KnownScopes) -> CommandSpec,
    run: for<'a> fn(&'a CommandSpec, CommandCall<'a>, Arguments) -> RunningCommand<'a>,
}

impl CommandSpec {
    /// Returns the specification of a command; its schemas list these scopes.
    pub(crate) fn of<C: Command>(known: &KnownScopes) -> Self {
        let schema = schema::parameters::<C>(known);
        let summary = text(&schema["description"]);
        let parameters = parameters(&schema);
        Self {
            name: C::NAME,
            tool: C::TOOL,
            summary,
            requirement: C::Right::requirement(),
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

    /// Returns the parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Returns the only required parameter, which may be typed without its name. `None` when none or several are
    /// required.
    pub fn lone_parameter(&self) -> Option<&Parameter> {
        let mut required = self.parameters.iter().filter(|parameter| parameter.required);
        let lone = required.next()?;
        required.next().is_none().then_some(lone)
    }

    /// Parses the JSON answer of a gateway. Ignores unknown fields. Fails when the JSON is not an answer of this
    /// command.
    pub fn read(&self, data: Value) -> Result<AnyAnswer, ShapeError> {
        (self.read)(self, data)
    }

    /// Returns the cached JSON of an answer without arguments, if there is one and the caller is authorized to run the
    /// command.
    pub fn ready(&self, services: &Services, caller: &Caller) -> Option<Bytes> {
        caller.may(self.requirement).then(|| (self.ready)(services, caller)).flatten()
    }

    /// Returns the name as a slash command: `/keys_list`.
    pub fn slash(&self) -> String {
        format!("/{}", self.name.replace('.', "_"))
    }

    /// Returns the same specification, with schemas that list these scopes.
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

/// Error: the JSON is not an answer of the command. Names fields, never a value.
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
            // A missing field has no path of its own, so the message names it.
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

/// Joins a doc comment to one line.
fn text(description: &Value) -> String {
    description.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
