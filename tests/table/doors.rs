//! Every caller × every command × every door: one decision, and the same JSON (AUTHZ-06).

mod chat;
mod keys;

use super::example::{Example, Things, forget_webhooks};
use dalston_command::CommandSpec;
use dalston_gateway::routes;
use kit::app::App;
use proptest::{sample::select, strategy::Strategy};
use serde_json::{Map, Value, json};

/// What came of a command: `ok` or the code of the refusal, and the JSON or what the refusal says.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    code: String,
    data: Value,
}

/// How the arguments are given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    AsItShould,
    WithAFieldTooMuch,
    WithAWrongValue,
    AboutNothing,
}

fn shapes() -> impl Strategy<Value = Shape> {
    select(vec![Shape::AsItShould, Shape::WithAFieldTooMuch, Shape::WithAWrongValue, Shape::AboutNothing])
}

impl Outcome {
    fn ok(data: Value) -> Self {
        Self { code: "ok".to_owned(), data: settled(data) }
    }

    fn refused(problem: &Value) -> Self {
        let code = problem["code"].as_str().unwrap_or_else(|| panic!("no refusal: {problem}"));
        Self { code: code.to_owned(), data: json!([problem["detail"], problem["errors"]]) }
    }
}

/// The JSON without what differs from one run of the same command to the next: the objects that each run is about, and
/// what counts or measures.
fn settled(data: Value) -> Value {
    const VOLATILE: [&str; 25] = [
        "active_callers",
        "cache",
        "address",
        "caller",
        "checked",
        "created_by",
        "cpu_seconds",
        "feed",
        "hash",
        "head",
        "id",
        "jobs",
        "keys",
        "last_success_at",
        "last_used_at",
        "latency_micros",
        "message_id",
        "prefix",
        "request_id",
        "requests",
        "resident_bytes",
        "seq",
        "transcription_id",
        "webhook",
        "webhook_id",
    ];
    match data {
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::Object(object) => object
            .into_iter()
            .map(|(name, value)| {
                let value = if VOLATILE.contains(&name.as_str()) { json!("…") } else { settled(value) };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

/// The arguments of a command in this shape, about things that are made for the purpose. `None` where the command
/// takes none that could have it.
async fn arguments(app: &App, row: &CommandSpec, shape: Shape) -> Option<Map<String, Value>> {
    let route = routes(&app.runtime.registry).into_iter().find(|it| it.command() == Some(row.name)).unwrap();
    let things = match row.parameter("webhook_id") {
        _ if shape == Shape::AboutNothing => Things::unknown(),
        Some(_) => Things::new(app).await,
        None => Things::without_webhook(app).await,
    };
    let mut arguments = Example::of(&route).arguments(&things);
    // Of lists the newest, of the audit nothing: both are the same at every door.
    match row.name {
        "keys.list" | "jobs.list" | "webhooks.list" => drop(arguments.insert("limit".to_owned(), json!(1))),
        "audit.list" => drop(arguments.insert("until".to_owned(), json!("2000-01-01T00:00:00Z"))),
        "webhooks.create" => forget_webhooks(app).await,
        // A tenant is made once: each door finds it there.
        "tenants.create" => drop(arguments.insert("id".to_owned(), json!("default"))),
        _ => {}
    }
    match shape {
        Shape::AsItShould => {}
        Shape::AboutNothing if !row.route.pattern.contains('{') => return None,
        Shape::AboutNothing => {}
        Shape::WithAFieldTooMuch => drop(arguments.insert("is_admin".to_owned(), json!("true"))),
        Shape::WithAWrongValue => {
            let number = row.parameters.iter().find(|it| it.schema["type"].to_string().contains("integer"))?;
            arguments.insert(number.name.clone(), json!("many"));
        }
    }
    Some(arguments)
}
