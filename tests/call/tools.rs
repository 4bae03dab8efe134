//! The tools that a model is given.

use super::{gateway, id, say, start};
use kit::model_server::{ModelServer, Says};
use serde_json::{Value, json};

/// The names of the tools that the model was given last.
fn names(request: &Value) -> Vec<&str> {
    let tools = request["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_model_has_the_callers_commands_as_tools_and_no_others() {
    let (app, model) = gateway().await;
    let registry = &app.runtime.registry;
    for scopes in ["webhooks", "jobs:read", "jobs:write,nudge", "admin", "platform"] {
        let client = app.key(scopes).await;
        model.says([Says::text("Hello.")]);
        say(&client, "hello").await.expect(200);
        let help = client.get("/help").await.expect(200);
        let rows = help.json["commands"].as_array().unwrap().iter();
        let wanted: Vec<Value> = rows
            .map(|command| registry.row(command["name"].as_str().unwrap()).unwrap())
            .map(|row| {
                let function = json!({"name": row.tool, "description": row.summary, "parameters": row.schema});
                json!({"type": "function", "function": function})
            })
            .collect();
        assert_eq!(model.last()["tools"], json!(wanted), "AUTHZ-06 {scopes}");
    }
}

#[tokio::test]
async fn somebody_without_scopes_of_use_has_the_tools_of_everybody() {
    let (app, model) = gateway().await;
    model.says([Says::text("Hello.")]);
    say(&app.key("realtime").await, "hello").await.expect(200);
    assert_eq!(names(&model.last()), ["help", "status", "whoami", "create_ticket"]);
}

#[tokio::test]
async fn a_model_is_given_the_scopes_that_are_known_and_told_which_they_are() {
    let model = ModelServer::start();
    let app = start(&model).set("DALSTON_SCOPES", "notes:read").start().await;
    let admin = app.key("admin").await;
    let asks = |scope: &str| Says::call("create_api_key", &json!({"name": "n", "scopes": [scope]}));
    model.says([asks("notes:write"), asks("notes:read"), Says::text("It waits.")]);
    let answer = say(&admin, "a key for notes").await.expect(200);
    let [refused, proposed] = &model.results()[..] else { panic!("two calls") };
    let detail = refused["error"].to_string();
    assert!(
        detail.contains("must name known scopes only: jobs:read, ") && detail.contains("platform, notes:read\""),
        "{refused}"
    );
    assert_eq!(proposed["status"], "proposed", "what is not acceptable waits for nobody");
    assert_eq!(answer.json["commands"]["waiting"], json!(["keys.create"]));
    let request = model.last();
    let at = names(&request).iter().position(|name| *name == "create_api_key").unwrap();
    let scopes = &request["tools"][at]["function"]["parameters"]["properties"]["scopes"]["items"]["enum"];
    assert!(scopes.as_array().unwrap().contains(&json!("notes:read")), "{scopes}");
}

#[tokio::test]
async fn the_four_tools_for_keys_have_their_names_and_parameters_and_work() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let create = json!({"name": "From the chat", "description": "for a friend"});
    model.says([Says::call("create_api_key", &create), Says::text("It waits.")]);
    let proposal = say(&admin, "make a key").await.expect(200);
    let made = super::call(&admin, json!({"confirm": proposal.json["confirm"]["token"]})).await.expect(200);
    let (key, secret) = (made.json["data"]["id"].as_str().unwrap(), super::secrets_of(&made).remove(0));
    assert_eq!(made.json["data"]["description"], "for a friend");
    let friend = app.with(&secret);
    friend.get("/auth/me").await.expect(200);
    model.says([
        Says::call("list_api_keys", &json!({})),
        Says::call("check_api_key_usage", &json!({"key_id": key})),
        Says::call("revoke_api_key", &json!({"key_id": key})),
        Says::text("It was used once."),
    ]);
    let answer = say(&admin, "how is it used? revoke it").await.expect(200);
    let results = model.results();
    let listed: Vec<&Value> = results[0].as_array().unwrap().iter().map(|key| &key["id"]).collect();
    assert!(listed.contains(&&json!(key)) && listed.contains(&&json!(id(&admin))), "{listed:?}");
    assert_eq!((&results[1]["usage_count"], &results[1]["id"]), (&json!(1), &json!(key)));
    assert_eq!((&answer.json["command_handled"], &answer.json["data"]), (&json!("keys.usage"), &results[1]));
    super::call(&admin, json!({"confirm": answer.json["confirm"]["token"]})).await.expect(200);
    friend.get("/auth/me").await.expect(401);

    let request = model.last();
    for (tool, required) in [
        ("create_api_key", json!(["name"])),
        ("revoke_api_key", json!(["key_id"])),
        ("list_api_keys", Value::Null),
        ("check_api_key_usage", json!(["key_id"])),
    ] {
        let at = names(&request).iter().position(|name| *name == tool).unwrap();
        let parameters = &request["tools"][at]["function"]["parameters"];
        assert_eq!((&parameters["type"], &parameters["required"]), (&json!("object"), &required), "{tool}");
    }
}

#[tokio::test]
async fn every_tool_has_a_schema_that_servers_take() {
    let (app, model) = gateway().await;
    model.says([Says::text("Hello.")]);
    say(&app.master(), "hello").await.expect(200);
    let request = model.last();
    let tools = request["tools"].as_array().unwrap();
    assert_eq!(tools.len(), app.runtime.registry.rows().len());
    for tool in tools {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap();
        assert!(name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!function["description"].as_str().unwrap().is_empty(), "{name}");
        // An object without properties is refused by some.
        assert!(function["parameters"]["properties"].is_object(), "{name} {}", function["parameters"]);
        assert_eq!(function["parameters"]["type"], "object", "{name}");
    }
}
