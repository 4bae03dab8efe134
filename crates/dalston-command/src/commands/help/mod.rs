mod view;

use crate::{
    Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, Style, TextLine,
};
use dalston_auth::rights;
use dalston_model::{Principal, Timestamp};
use dalston_service::ServiceResult;
use schemars::JsonSchema;
use serde::Deserialize;
use view::{CommandView, RouteView};

pub(crate) use view::{HelpView, Who};

/// List the commands and routes that you may use, with parameters and examples.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Help {}

impl Command for Help {
    type Right = rights::Authenticated;
    type Output = HelpView;

    const NAME: &'static str = "help";
    const TOOL: &'static str = "help";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/help");
    const IS_TEXT: bool = true;

    fn render(HelpView { caller, commands, routes }: &HelpView, _: Timestamp) -> Document {
        let caller = vec![Span::plain("You are "), Span::new(Style::Strong, caller)];
        let mut blocks = vec![Block::Line(caller), note(&legend(commands))];
        for (noun, commands) in groups(commands) {
            blocks.push(heading(noun));
            blocks.extend(commands.into_iter().flat_map(lines));
        }
        if !routes.is_empty() {
            blocks.push(heading("routes"));
        }
        blocks.extend(routes.iter().flat_map(route_lines));
        Document { blocks }
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let caller = context.permit.caller();
        let principal = Principal { tenant: caller.tenant().clone(), ..caller.principal() };
        let who = match caller.cached_key() {
            Some(holder) => {
                let key = context.services.keys.own(holder).await?.key;
                let scopes = context.services.keys.scopes().shown(&key.scopes);
                let room = caller.room().map(|room| format!("{} of {} left", room.remaining, room.limit));
                Who { name: key.name.to_string(), scopes, room }
            }
            None => Who::keyless(&principal),
        };
        Ok(CommandAnswer::new(HelpView::new(context.registry, &principal, &who)))
    }
}

/// Explains the notation of the list, with one of the caller's own commands as example.
fn legend(commands: &[CommandView]) -> String {
    let legend = "* required.";
    match commands.iter().find_map(|command| command.name.split_once('.')) {
        Some((noun, verb)) => format!("{legend} On the command line /{noun}_{verb} is dalston {noun} {verb}."),
        None => legend.to_owned(),
    }
}

/// Groups the commands by noun, in the order in which each noun first appears.
fn groups(commands: &[CommandView]) -> Vec<(&str, Vec<&CommandView>)> {
    let mut groups: Vec<(&str, Vec<&CommandView>)> = Vec::new();
    for command in commands {
        let noun = command.name.split_once('.').map_or("general", |(noun, _)| noun);
        match groups.iter_mut().find(|(name, _)| *name == noun) {
            Some((_, members)) => members.push(command),
            None => groups.push((noun, vec![command])),
        }
    }
    groups
}

/// Formats a command: as it is typed, its summary, an example.
fn lines(command: &CommandView) -> Vec<Block> {
    let slash = command.slash();
    let mut typed = vec![Span::plain("  "), Span::new(Style::Strong, &slash)];
    for parameter in &command.parameters {
        let mark = if parameter.required { "*" } else { "" };
        typed.push(Span::plain(&format!(" {}{mark}", parameter.name)));
    }
    if command.is_irreversible() {
        typed.push(Span::new(Style::Warning, "  cannot be undone"));
    }
    let example = (command.example != slash).then(|| inner(Style::Code, &command.example));
    [typed, inner(Style::Plain, &command.summary)].into_iter().chain(example).map(Block::Line).collect()
}

fn route_lines(route: &RouteView) -> [Block; 3] {
    let head = format!("{} {}", route.method, route.path);
    [
        vec![Span::plain("  "), Span::new(Style::Strong, &head)],
        inner(Style::Plain, &route.summary),
        inner(Style::Code, &route.example),
    ]
    .map(Block::Line)
}

fn inner(tone: Style, text: &str) -> TextLine {
    vec![Span::plain("    "), Span::new(tone, text)]
}

fn heading(title: &str) -> Block {
    Block::Heading(vec![Span::new(Style::Strong, title)])
}

fn note(text: &str) -> Block {
    Block::Line(vec![Span::new(Style::Faint, text)])
}
