use crate::{CommandOutput, CommandSpec, DATA_ROUTES, DataRoute, Effect, Handler, Parameter, Registry};
use dalston_auth::Requirement;
use dalston_model::{Actor, Principal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The commands and routes that a caller may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HelpView {
    /// The caller, in one line.
    pub(crate) caller: String,
    /// The commands.
    pub(crate) commands: Vec<CommandView>,
    /// The routes that are not commands.
    pub(crate) routes: Vec<RouteView>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CommandView {
    /// Name.
    pub(crate) name: String,
    /// Summary.
    pub(crate) summary: String,
    /// Required scope; null for none.
    pub(crate) scope: Option<String>,
    /// Effect of running it: `read`, `write` or `irreversible`.
    pub(crate) effect: String,
    /// HTTP method of its route.
    pub(crate) method: String,
    /// Path pattern of its route.
    pub(crate) path: String,
    /// Parameters.
    pub(crate) parameters: Vec<ParameterView>,
    /// Example, as it is typed.
    pub(crate) example: String,
}

/// A parameter of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ParameterView {
    /// Name.
    pub(crate) name: String,
    /// Description.
    pub(crate) summary: String,
    /// Whether it is required.
    pub(crate) required: bool,
    /// Type or types, as named by JSON Schema.
    #[serde(rename = "type")]
    pub(crate) kind: Value,
}

/// A route that is not a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RouteView {
    /// HTTP method.
    pub(crate) method: String,
    /// Path pattern.
    pub(crate) path: String,
    /// Summary.
    pub(crate) summary: String,
    /// Required scope; null for none.
    pub(crate) scope: Option<String>,
    /// Example call.
    pub(crate) example: String,
}

impl CommandOutput for HelpView {}

impl HelpView {
    /// Returns the help for what the principal may use.
    pub(crate) fn new(registry: &Registry, principal: &Principal, who: &Who) -> Self {
        let routes = DATA_ROUTES.iter().filter(|route| serves(route, principal));
        Self {
            caller: who.line(principal),
            commands: registry.of(principal.scopes).map(CommandView::from).collect(),
            routes: routes.map(RouteView::from).collect(),
        }
    }
}

impl CommandView {
    /// Returns the command as a slash command, without arguments.
    pub(crate) fn slash(&self) -> String {
        format!("/{}", self.name.replace('.', "_"))
    }

    /// Returns whether the command's effect cannot be undone.
    pub(crate) fn is_irreversible(&self) -> bool {
        self.effect == Effect::Irreversible.as_str()
    }
}

impl From<&CommandSpec> for CommandView {
    fn from(row: &CommandSpec) -> Self {
        Self {
            name: row.name.to_owned(),
            summary: row.summary.clone(),
            scope: scope(row.requirement),
            effect: row.effect.as_str().to_owned(),
            method: row.route.method.as_str().to_owned(),
            path: row.route.pattern.to_owned(),
            parameters: row.parameters.iter().map(ParameterView::from).collect(),
            example: format!("{} {}", row.slash(), row.example).trim_end().to_owned(),
        }
    }
}

impl From<&Parameter> for ParameterView {
    fn from(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.clone(),
            summary: parameter.summary.clone(),
            required: parameter.required,
            kind: parameter.schema["type"].clone(),
        }
    }
}

impl From<&DataRoute> for RouteView {
    fn from(route: &DataRoute) -> Self {
        Self {
            method: route.method.as_str().to_owned(),
            path: route.pattern.to_owned(),
            summary: route.summary.to_owned(),
            scope: route.requirement.and_then(scope),
            example: route.example.to_owned(),
        }
    }
}

/// Returns whether the principal can use the route. Chat users have no credential that a route accepts, and the route
/// of the chat's own updates is for Telegram only.
fn serves(route: &DataRoute, principal: &Principal) -> bool {
    let in_chat = matches!(principal.actor, Actor::ChatAdmin(_) | Actor::ChatGuest(_));
    !in_chat
        && route.handler != Handler::Telegram
        && route.requirement.is_none_or(|requirement| requirement.is_met_by(principal.scopes))
}

fn scope(requirement: Requirement) -> Option<String> {
    match requirement {
        Requirement::Caller => None,
        Requirement::Scope(scope) => Some(scope.as_str().to_owned()),
    }
}

/// Details of the caller.
pub(crate) struct Who {
    /// Name of its key, or the kind of actor when it has no key.
    pub(crate) name: String,
    /// Names of its scopes.
    pub(crate) scopes: Vec<String>,
    /// What is left of its rate limit in this minute; `None` without a limit.
    pub(crate) room: Option<String>,
}

impl Who {
    /// Returns the details of a principal without a key.
    pub(crate) fn keyless(principal: &Principal) -> Self {
        let scopes = principal.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        Self { name: principal.actor.kind().to_owned(), scopes, room: None }
    }

    /// Formats the details in one line.
    fn line(&self, principal: &Principal) -> String {
        let limit = self.room.as_deref().unwrap_or("no limit");
        let scopes = if self.scopes.is_empty() { "none" } else { &self.scopes.join(",") };
        format!("{}, tenant {}, scopes {scopes}, {limit}", self.name, principal.tenant)
    }
}
