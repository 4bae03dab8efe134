//! `GET /help`, and a command of one's own.

use dalston_auth::{Requirement, rights};
use dalston_command::{Command, CommandAnswer, CommandContext, CommandOutput, Effect, HttpRoute, Method, Registry};
use dalston_gateway::routes;
use dalston_model::{Clock, KeyScopes};
use dalston_service::ServiceResult;
use kit::{
    app::{App, Start},
    bot_api::BotApi,
    model_server::{KEY, MODEL, ModelServer, Says},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Greet somebody.
#[derive(Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    whom: String,
    /// How often: 1 to 3.
    #[schemars(range(min = 1, max = 3))]
    times: Option<u32>,
}

/// A greeting.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Greeting {
    /// What is said.
    text: String,
}

impl CommandOutput for Greeting {}

impl Command for Greet {
    type Right = rights::Realtime;
    type Output = Greeting;

    const NAME: &'static str = "people.greet";
    const TOOL: &'static str = "greet_somebody";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/people/{whom}/greeting");
    const EXAMPLE: &'static str = "Ada";

    async fn run(self, _: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Greeting>> {
        let text = format!("Hello, {}! ", self.whom).repeat(self.times.unwrap_or(1) as usize);
        Ok(CommandAnswer::new(Greeting { text }))
    }
}

/// The texts of a field of the items of a list.
fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_caller_reads_what_it_may_do_and_nothing_else() {
    let app = App::start().await;
    let always = ["help", "status", "whoami"];
    let keys = [
        "keys.create",
        "keys.list",
        "keys.get",
        "keys.update",
        "keys.rotate",
        "keys.revoke",
        "keys.usage",
        "keys.quota",
    ];
    let audit = ["audit.list", "audit.verify"];
    let jobs = ["jobs.list", "jobs.get", "jobs.cancel"];
    let workers = ["workers.register", "workers.list", "workers.remove"];
    let webhooks = [
        "webhooks.create",
        "webhooks.list",
        "webhooks.get",
        "webhooks.update",
        "webhooks.rotate",
        "webhooks.delete",
        "webhooks.deliveries",
        "webhooks.retry",
    ];
    let tenants = ["tenants.create", "tenants.list", "tenants.update", "tenants.quota"];
    for (scopes, more) in [
        ("webhooks", webhooks.to_vec()),
        ("nudge", vec!["nudge"]),
        ("jobs:read", vec!["jobs.list", "jobs.get"]),
        ("jobs:write", vec!["jobs.cancel"]),
        ("admin", [&keys[..], &["usage"], &audit, &jobs, &["tickets.create"], &webhooks, &["nudge"]].concat()),
        (
            "platform",
            [&keys[..], &tenants, &["usage"], &audit, &jobs, &["tickets.create"], &workers, &webhooks, &["nudge"]]
                .concat(),
        ),
    ] {
        let help = app.key(scopes).await.get("/help").await.expect(200);
        assert_eq!(texts(&help.json["commands"], "name"), [&always[..], &more].concat(), "AUTHZ-06 {scopes}");
    }
}

#[tokio::test]
async fn what_is_in_the_help_is_served_and_what_is_not_is_refused() {
    let app = App::start().await;
    for scopes in ["jobs:read", "jobs:write,realtime", "admin", "platform"] {
        let client = app.key(scopes).await;
        let help = client.get("/help").await.expect(200).json;
        let mut told: Vec<(&str, &str)> = Vec::new();
        for list in ["commands", "routes"] {
            told.extend(texts(&help[list], "method").into_iter().zip(texts(&help[list], "path")));
        }
        // The route of the chat's updates is for the chat.
        for route in routes(&app.runtime.registry).into_iter().filter(|it| it.pattern != "/telegram") {
            let may = route.requirement.is_none_or(|requirement| match requirement {
                Requirement::Caller => true,
                Requirement::Scope(scope) => scopes.parse::<KeyScopes>().unwrap().built_in().grants(scope),
            });
            assert_eq!(told.contains(&(route.method.as_str(), route.pattern)), may, "{scopes} {}", route.pattern);
        }
    }
}

#[tokio::test]
async fn every_command_has_a_summary_parameters_and_an_example() {
    let app = App::start().await;
    let help = app.master().get("/help").await.expect(200);
    for command in help.json["commands"].as_array().unwrap() {
        let name = command["name"].as_str().unwrap();
        assert!(command["summary"].as_str().unwrap().ends_with('.'), "{name}");
        let example = command["example"].as_str().unwrap();
        let (row, arguments) = app.runtime.registry.read_line(example).unwrap();
        let checked = app.runtime.registry.check(&app.runtime.services, &app.operator("default"), row, arguments);
        assert_eq!((row.name, checked), (name, Ok(())), "{example}");
        assert!(["read", "write", "irreversible"].contains(&command["effect"].as_str().unwrap()), "{name}");
        for parameter in command["parameters"].as_array().unwrap() {
            assert!(!parameter["summary"].as_str().unwrap().is_empty(), "{name} {parameter}");
            assert!(!parameter["type"].is_null(), "{name} {parameter}");
        }
    }
    for route in help.json["routes"].as_array().unwrap() {
        assert!(!route["summary"].as_str().unwrap().is_empty() && !route["example"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_caller_reads_who_it_is() {
    let app = App::start().await;
    let client = app
        .key_of("acme", "jobs:read,nudge", |mut ask| {
            ask.rate_limit = Some(60.try_into().unwrap());
            ask
        })
        .await;
    let help = client.get("/help").await.expect(200);
    let who = help.json["caller"].as_str().unwrap();
    for part in ["acme jobs:read,nudge", "tenant acme", "jobs:read", "nudge", "60/min"] {
        assert!(who.contains(part), "{who}");
    }
    assert!(!help.text.contains(client.secret.as_ref().unwrap()));
    let who = app.master().get("/help").await.expect(200).json["caller"].as_str().unwrap().to_owned();
    assert!(who.contains("master") && who.contains("platform"), "{who}");
    app.anon().get("/help").await.expect(401);
}

#[tokio::test]
async fn a_command_of_ones_own_is_in_the_help_on_the_command_line_and_served_with_nothing_else_said() {
    let app = Start::default().registry(Registry::new().with::<Greet>()).start().await;
    let (client, other) = (app.key("realtime").await, app.key("jobs:read").await);
    let help = client.get("/help").await.expect(200).json;
    let command = help["commands"].as_array().unwrap().iter().find(|it| it["name"] == "people.greet").unwrap();
    assert_eq!(
        *command,
        json!({
            "name": "people.greet",
            "summary": "Greet somebody.",
            "scope": "realtime",
            "effect": "read",
            "method": "GET",
            "path": "/v1/people/{whom}/greeting",
            "parameters": [
                {"name": "whom", "summary": "Whom to greet.", "required": true, "type": "string"},
                {"name": "times", "summary": "How often: 1 to 3.", "required": false, "type": ["integer", "null"]},
            ],
            "example": "/people_greet Ada",
        })
    );
    assert!(!other.get("/help").await.expect(200).text.contains("people.greet"));
    let drawn = app.runtime.registry.row("help").unwrap().read(help).unwrap().render(app.clock.now()).plain();
    assert!(drawn.contains("/people_greet whom* times"), "{drawn}");

    let greeting = client.get("/v1/people/Ada/greeting?times=2").await.expect(200);
    assert_eq!(greeting.json["text"], "Hello, Ada! Hello, Ada! ");
    client.get("/v1/people/Ada/greeting?times=x").await.expect(422);
    other.get("/v1/people/Ada/greeting").await.expect(403);

    let tree = dalston_cli::tree(&app.runtime.registry);
    let greet = tree.find_subcommand("people").unwrap().find_subcommand("greet").unwrap();
    assert_eq!(greet.get_about().unwrap().to_string(), "Greet somebody.");
    for name in ["whom", "times"] {
        assert!(greet.get_arguments().any(|it| it.get_long() == Some(name)), "{name}");
    }
    assert_eq!(app.runtime.registry.row("people.greet").unwrap().schema["properties"]["times"]["maximum"], 3);
}

#[tokio::test]
async fn a_command_of_ones_own_is_at_the_other_doors_with_nothing_else_said() {
    let (model, bot) = (ModelServer::start(), BotApi::start());
    let start = Start::default()
        .registry(Registry::new().with::<Greet>())
        .set("DALSTON_LLM_URL", &model.url)
        .set("DALSTON_LLM_MODEL", MODEL)
        .set("DALSTON_LLM_API_KEY", KEY)
        .set("DALSTON_ADMIN_IDS", "1001");
    let app = bot.configure(start).start().await;
    let (client, other) = (app.key("realtime").await, app.key("jobs:read").await);
    let hello = json!({"text": "Hello, Ada! "});

    let called = client.post("/call", json!({"command": "/people_greet Ada"})).await.expect(200);
    assert_eq!(called.json["data"], hello);

    let asked = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let schema = &app.runtime.registry.row("people.greet").unwrap().schema;
    let listed = client.post("/mcp", asked("tools/list", json!({}))).await.expect(200);
    let tools = listed.json["result"]["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "greet_somebody").unwrap();
    assert_eq!((&tool["description"], &tool["annotations"]["readOnlyHint"]), (&json!("Greet somebody."), &json!(true)));
    assert_eq!(tool["inputSchema"]["properties"], schema["properties"]);
    assert!(!other.post("/mcp", asked("tools/list", json!({}))).await.expect(200).text.contains("greet_somebody"));
    let params = json!({"name": "greet_somebody", "arguments": {"whom": "Ada"}});
    let ran = client.post("/mcp", asked("tools/call", params)).await.expect(200);
    assert_eq!(ran.json["result"]["structuredContent"], hello);

    model.says([Says::call("greet_somebody", &json!({"whom": "Ada"})), Says::text("Done.")]);
    client.post("/call", json!({"message": "Greet Ada."})).await.expect(200);
    let functions = model.last()["tools"].clone();
    let function = functions.as_array().unwrap().iter().find(|it| it["function"]["name"] == "greet_somebody").unwrap();
    assert_eq!(function["function"]["parameters"]["properties"], schema["properties"]);
    assert_eq!(model.results(), [hello]);

    let talking = app.runtime.bot.clone().unwrap();
    let (end, ending) = watch::channel(());
    let hearing = tokio::spawn(async move { talking.run(ending).await });
    let names_it = |body: &Value| body["commands"].to_string().contains("people_greet");
    let menu = bot.next("setMyCommands", |call| call.body["scope"]["chat_id"] == 1001).await;
    assert!(names_it(&menu.body), "{}", menu.body);
    let guests = bot.next("setMyCommands", |call| call.body["scope"]["chat_id"].is_null()).await;
    assert!(!names_it(&guests.body), "{}", guests.body);
    bot.say(1001, "/people_greet Ada");
    assert!(bot.told(1001).await.text().contains("Hello, Ada!"));
    drop(end);
    hearing.await.unwrap();
}
