use crate::{Answer, Command, Context, DATA_ROUTES, Effect, HttpRoute, Method, Row};
use dalston_auth::{Caller, Need};
use dalston_service::ServiceResult;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// List the commands and routes that you may use, with their parameters and an example each.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Help {}

impl Command for Help {
    const NAME: &'static str = "help";
    const TOOL: &'static str = "help";
    const NEED: Need = Need::Caller;
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/help");

    async fn run(self, context: Context<'_>) -> ServiceResult<Answer> {
        let caller = context.permit.caller();
        let commands: Vec<Value> = context.registry.of(caller).map(command).collect();
        let routes = DATA_ROUTES.iter().filter(|route| route.need.is_none_or(|need| caller.may(need)));
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
        Ok(Answer::new(json!({"caller": who(caller), "commands": commands, "routes": routes})))
    }
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
        "example": format!("{} {}", row.name, row.example).trim_end(),
    })
}

fn scope(need: Need) -> Option<&'static str> {
    match need {
        Need::Caller => None,
        Need::Scope(scope) => Some(scope.as_str()),
    }
}

/// One line about the caller.
fn who(caller: &Caller) -> String {
    let limit = caller
        .room()
        .map_or_else(|| "no limit".to_owned(), |room| format!("{} of {} left", room.remaining, room.limit));
    format!("{}, tenant {}, scopes {}, {limit}", caller.name(), caller.tenant(), caller.scopes())
}
