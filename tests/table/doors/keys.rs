//! The doors that a key comes in by.

use super::{Outcome, Shape, arguments, shapes};
use dalston_command::{CommandSpec, Method, Registry};
use dalston_model::Scope;
use dalston_service::{IssuedSecret, ServiceError};
use kit::{
    app::{App, Start},
    bot_api::BotApi,
    client::{Answer, Client},
    log,
    model_server::{KEY, MODEL, ModelServer, Says},
    shell::Shell,
    stores,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A gateway with all its doors.
struct Doors {
    app: App,
    model: ModelServer,
    _bot: BotApi,
}

/// Somebody with a key, at every door.
struct Holder<'a> {
    doors: &'a Doors,
    client: Client,
}

impl Doors {
    async fn open() -> Self {
        let (model, bot, fixture) = (ModelServer::start(), BotApi::start(), stores::memory().await);
        let start = Start::default()
            .delivers()
            .set("DALSTON_LLM_URL", &model.url)
            .set("DALSTON_LLM_MODEL", MODEL)
            .set("DALSTON_LLM_API_KEY", KEY)
            .set("DALSTON_ADMIN_IDS", "1001");
        let app = bot.configure(start).on(fixture).start().await;
        Self { app, model, _bot: bot }
    }
}

impl Holder<'_> {
    /// The registry itself: what all doors are measured by.
    async fn registry(&self, row: &CommandSpec, arguments: Map<String, Value>) -> Outcome {
        let caller = self.doors.app.caller(&self.client).await;
        let runtime = &self.doors.app.runtime;
        match runtime.registry.invoke(&runtime.services, &caller, row.name, arguments, None).await {
            Ok(answer) => {
                if let Some(IssuedSecret { secret, .. }) = &answer.secret {
                    log::guard(secret.expose());
                }
                Outcome::ok(answer.data)
            }
            Err(error) => {
                let errors = if let ServiceError::Invalid(errors) = &error { json!(errors) } else { Value::Null };
                Outcome::refused(&json!({"code": error.code().as_str(), "detail": error.to_string(), "errors": errors}))
            }
        }
    }

    async fn http(&self, row: &CommandSpec, mut arguments: Map<String, Value>) -> Outcome {
        let mut path = row.route.pattern.to_owned();
        for parameter in &row.parameters {
            let brace = format!("{{{}}}", parameter.name);
            if path.contains(&brace) {
                path = path.replace(&brace, arguments.remove(&parameter.name).unwrap().as_str().unwrap());
            }
        }
        let is_read = matches!(row.route.method, Method::Get | Method::Delete);
        if is_read {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let encoded = |value| utf8_percent_encode(&text(value), NON_ALPHANUMERIC).to_string();
            let pairs = arguments.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
            path = format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"));
        }
        let request = self.client.request(row.route.method.as_str().parse().unwrap(), &path);
        let request = if is_read { request } else { request.json(&arguments) };
        let mut answer = Answer::of(request).await;
        if let Some(secret) = answer
            .json
            .as_object_mut()
            .and_then(|object| ["key", "secret", "ticket"].into_iter().find_map(|name| object.remove(name)))
        {
            log::guard(secret.as_str().unwrap());
        }
        told(&answer, |it| it.clone())
    }

    /// `POST /call`, which asks before what cannot be undone.
    async fn call(&self, body: Value) -> Outcome {
        let mut answer = self.client.post("/call", body).await;
        if let Some(token) = answer.json["confirm"]["token"].as_str() {
            answer = self.client.post("/call", json!({"confirm": token})).await;
        }
        guard(&answer);
        told(&answer, |it| it["data"].clone())
    }

    async fn mcp(&self, row: &CommandSpec, arguments: &Map<String, Value>) -> Outcome {
        let params = json!({"name": row.tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let answer = self.client.post("/mcp", body).await;
        if answer.code() != 200 {
            return Outcome::refused(&answer.json);
        }
        let result = &answer.json["result"];
        let mut content = result["structuredContent"].clone();
        if result["isError"] == true {
            return Outcome::refused(&content);
        }
        for beside in ["claim_url", "claim_expires_in"] {
            content.as_object_mut().unwrap().remove(beside);
        }
        Outcome::ok(content.get("items").cloned().unwrap_or(content))
    }

    /// A language model that does what it is told to.
    async fn llm(&self, row: &CommandSpec, arguments: &Map<String, Value>) -> Outcome {
        self.doors.model.says([Says::call(row.tool, &json!(arguments)), Says::text("Done.")]);
        let answer = self.client.post("/call", json!({"message": "Do it."})).await.expect(200);
        guard(&answer);
        if let Some(token) = answer.json["confirm"]["token"].as_str() {
            return self.call(json!({"confirm": token})).await;
        }
        match self
            .doors
            .model
            .results()
            .last()
            .and_then(|told| told.get("error").filter(|error| error["code"].is_string()))
        {
            Some(error) => Outcome::refused(error),
            None => Outcome::ok(answer.json["data"].clone()),
        }
    }

    /// The command line on the gateway: the JSON, or what its exit code means.
    fn cli(&self, row: &CommandSpec, arguments: &Map<String, Value>) -> Result<Outcome, i32> {
        let secret = self.client.secret.as_ref().unwrap();
        let shell = Shell::new().set("DALSTON_SERVER", &self.doors.app.url).set("DALSTON_API_KEY", secret);
        let mut words: Vec<String> = row.name.split('.').map(str::to_owned).collect();
        words.extend(["--json".to_owned(), "--yes".to_owned()]);
        for (name, value) in arguments {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            let flag = format!("--{}", name.replace('_', "-"));
            let lone = row.lone_parameter().is_some_and(|lone| lone.name == *name);
            // With an equals sign: a switch takes its value in no other way.
            words.push(if lone { text } else { format!("{flag}={text}") });
        }
        let typed = shell.dalston(&words.iter().map(String::as_str).collect::<Vec<_>>());
        if typed.code != 0 {
            return Err(typed.code);
        }
        let mut data = typed.json();
        if let Some(secret) = data
            .as_object_mut()
            .and_then(|object| ["key", "secret", "ticket"].into_iter().find_map(|name| object.remove(name)))
        {
            log::guard(secret.as_str().unwrap());
        }
        Ok(Outcome::ok(data))
    }
}

fn told(answer: &Answer, data: impl Fn(&Value) -> Value) -> Outcome {
    if answer.code() < 300 { Outcome::ok(data(&answer.json)) } else { Outcome::refused(&answer.json) }
}

/// No log and no transcript may hold the secrets beside an answer.
fn guard(answer: &Answer) {
    for secret in ["key", "secret", "ticket"].iter().filter_map(|name| answer.json["secrets"][name].as_str()) {
        log::guard(secret);
    }
}

/// The exit code of the command line for an outcome.
fn exit_code(outcome: &Outcome) -> i32 {
    match outcome.code.as_str() {
        "ok" => 0,
        "invalid_request" => 2,
        "insufficient_scope" => 3,
        "not_found" => 4,
        _ => 1,
    }
}

/// The command with its arguments as it is typed.
fn line(row: &CommandSpec, arguments: &Map<String, Value>) -> String {
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!(" {name}='{text}'"),
        Value::Array(items) => {
            format!(" {name}={}", items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
        }
        other => format!(" {name}={other}"),
    };
    format!("{}{}", row.slash(), arguments.iter().map(word).collect::<String>())
}

#[test]
fn one_decision_and_the_same_json_at_every_door_that_a_key_comes_in_by() {
    let tokio = Runtime::new().unwrap();
    let doors = tokio.block_on(Doors::open());
    let registry = Registry::new();
    let names: Vec<&'static str> = registry.rows().iter().map(|row| row.name).collect();
    let scopes = subsequence(Scope::BUILT_IN.to_vec(), 1..4);
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(scopes, select(names), shapes()), |(scopes, name, shape)| {
        tokio.block_on(async {
            let names: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
            let holder = Holder { doors: &doors, client: doors.app.key(&names.join(",")).await };
            let row = registry.row(name).unwrap();
            // What is newest is what this case makes: all of it is alike, in whatever order ids of one moment are.
            doors.app.clock.advance(Duration::from_millis(1));
            macro_rules! given {
                () => {
                    match arguments(&doors.app, row, shape).await {
                        Some(arguments) => arguments,
                        None => return Ok(()),
                    }
                };
            }
            let expected = holder.registry(row, given!()).await;
            prop_assert_eq!(&holder.http(row, given!()).await, &expected, "routes");
            let body = json!({"command": name, "arguments": given!()});
            prop_assert_eq!(&holder.call(body).await, &expected, "call");
            let body = json!({"command": line(row, &given!())});
            prop_assert_eq!(&holder.call(body).await, &expected, "slash text");
            prop_assert_eq!(&holder.mcp(row, &given!()).await, &expected, "MCP");
            prop_assert_eq!(&holder.llm(row, &given!()).await, &expected, "language model");
            match holder.cli(row, &given!()) {
                Ok(outcome) => prop_assert_eq!(&outcome, &expected, "command line"),
                // A flag that it does not know asks nobody.
                Err(2) if shape == Shape::WithAFieldTooMuch => {}
                Err(code) => prop_assert_eq!(code, exit_code(&expected), "command line: {:?}", expected),
            }
            Ok(())
        })
    });
    outcome.unwrap();
}
