use crate::{
    Answer, Block, Command, Context, DATA_ROUTES, DataRoute, Drawing, Effect, Handler, HttpRoute, Line, Method,
    Registry, Row, Span, Tone, text,
};
use dalston_auth::{Need, rights};
use dalston_model::{Actor, Principal, Timestamp};
use dalston_service::ServiceResult;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// List the commands and routes that you may use, with their parameters and an example each.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Help {}

impl Command for Help {
    type Right = rights::Authenticated;

    const NAME: &'static str = "help";
    const TOOL: &'static str = "help";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/help");
    const IS_TEXT: bool = true;

    fn draw(data: &Value, _: Timestamp) -> Drawing {
        let (Some(commands), Some(routes)) = (data["commands"].as_array(), data["routes"].as_array()) else {
            return Drawing::of(data, Self::COLUMNS);
        };
        let caller = vec![Span::plain("You are "), Span::new(Tone::Strong, &text(&data["caller"]))];
        let mut blocks = vec![Block::Line(caller), note(&legend(commands))];
        for (noun, commands) in groups(commands) {
            blocks.push(heading(noun));
            blocks.extend(commands.into_iter().flat_map(lines));
        }
        if !routes.is_empty() {
            blocks.push(heading("routes"));
        }
        blocks.extend(routes.iter().flat_map(route_lines));
        Drawing { blocks }
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer> {
        let caller = context.permit.caller();
        let name = match caller.holder() {
            Some(holder) => context.services.keys.own(holder).await?.key.name.to_string(),
            None => caller.source().actor.kind().to_owned(),
        };
        let room = caller.room().map(|room| format!("{} of {} left", room.remaining, room.limit));
        let principal = Principal { tenant: caller.tenant().clone(), ..caller.principal() };
        Ok(Answer::new(answer(context.registry, &principal, &name, room.as_deref())))
    }
}

/// What the principal may use. `name` is the name of its key, if it has one, and `room` what is left of its minute.
pub(crate) fn answer(registry: &Registry, principal: &Principal, name: &str, room: Option<&str>) -> Value {
    let commands: Vec<Value> = registry.of(principal.scopes).map(command).collect();
    let routes = DATA_ROUTES.iter().filter(|route| serves(route, principal));
    let routes: Vec<Value> = routes
        .map(|route| {
            json!({
                "method": route.method.as_str(),
                "path": route.pattern,
                "summary": route.summary,
                "scope": route.need.and_then(scope),
                "example": route.example,
            })
        })
        .collect();
    json!({"caller": who(principal, name, room), "commands": commands, "routes": routes})
}

/// Whether the principal can use the route: users of the chat hold nothing that a route takes, and the route of the chat's
/// own updates is for the chat.
fn serves(route: &DataRoute, principal: &Principal) -> bool {
    let in_chat = matches!(principal.actor, Actor::ChatAdmin(_) | Actor::ChatGuest(_));
    !in_chat && route.handler != Handler::Telegram && route.need.is_none_or(|need| need.is_met_by(principal.scopes))
}

fn command(row: &Row) -> Value {
    let parameters: Vec<Value> = row
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "summary": parameter.summary,
                "required": parameter.required,
                "type": parameter.schema["type"],
            })
        })
        .collect();
    json!({
        "name": row.name,
        "summary": row.summary,
        "scope": scope(row.need),
        "effect": row.effect.as_str(),
        "method": row.route.method.as_str(),
        "path": row.route.pattern,
        "parameters": parameters,
        "example": format!("{} {}", row.slash(), row.example).trim_end(),
    })
}

fn scope(need: Need) -> Option<&'static str> {
    match need {
        Need::Caller => None,
        Need::Scope(scope) => Some(scope.as_str()),
    }
}

/// One line about the caller.
fn who(principal: &Principal, name: &str, room: Option<&str>) -> String {
    let limit = room.unwrap_or("no limit");
    let scopes = principal.scopes.to_string();
    let scopes = if scopes.is_empty() { "none" } else { &scopes };
    format!("{name}, tenant {}, scopes {scopes}, {limit}", principal.tenant)
}

/// How to read the list, by a command of the caller's own.
fn legend(commands: &[Value]) -> String {
    let legend = "* must be given.";
    match commands.iter().find_map(|command| command["name"].as_str()?.split_once('.')) {
        Some((noun, verb)) => format!("{legend} On the command line /{noun}_{verb} is dalston {noun} {verb}."),
        None => legend.to_owned(),
    }
}

/// The commands by their noun, in the order in which it first appears.
fn groups(commands: &[Value]) -> Vec<(&str, Vec<&Value>)> {
    let mut groups: Vec<(&str, Vec<&Value>)> = Vec::new();
    for command in commands {
        let noun = command["name"].as_str().and_then(|name| name.split_once('.')).map_or("general", |(noun, _)| noun);
        match groups.iter_mut().find(|(name, _)| *name == noun) {
            Some((_, members)) => members.push(command),
            None => groups.push((noun, vec![command])),
        }
    }
    groups
}

/// A command as it is typed, what it does, an example.
fn lines(command: &Value) -> Vec<Block> {
    let slash = format!("/{}", text(&command["name"]).replace('.', "_"));
    let mut typed = vec![Span::plain("  "), Span::new(Tone::Strong, &slash)];
    for parameter in command["parameters"].as_array().into_iter().flatten() {
        let mark = if parameter["required"] == true { "*" } else { "" };
        typed.push(Span::plain(&format!(" {}{mark}", text(&parameter["name"]))));
    }
    if command["effect"] == Effect::Irreversible.as_str() {
        typed.push(Span::new(Tone::Warning, "  cannot be undone"));
    }
    let example = text(&command["example"]);
    let example = (example != slash).then(|| inner(Tone::Code, &example));
    [typed, inner(Tone::Plain, &text(&command["summary"]))].into_iter().chain(example).map(Block::Line).collect()
}

fn route_lines(route: &Value) -> [Block; 3] {
    let head = format!("{} {}", text(&route["method"]), text(&route["path"]));
    [
        vec![Span::plain("  "), Span::new(Tone::Strong, &head)],
        inner(Tone::Plain, &text(&route["summary"])),
        inner(Tone::Code, &text(&route["example"])),
    ]
    .map(Block::Line)
}

fn inner(tone: Tone, text: &str) -> Line {
    vec![Span::plain("    "), Span::new(tone, text)]
}

fn heading(title: &str) -> Block {
    Block::Heading(vec![Span::new(Tone::Strong, title)])
}

fn note(text: &str) -> Block {
    Block::Line(vec![Span::new(Tone::Faint, text)])
}
