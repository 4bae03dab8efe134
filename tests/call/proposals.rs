//! What a language model asks for and does not get: it proposes, and the caller decides by what they are shown.

use super::{call, gateway, id, say};
use kit::model_server::Says;
use serde_json::json;

fn called(tool: &str, arguments: String) -> (String, String) {
    (tool.to_owned(), arguments)
}

/// The same write, however a model asks for it.
#[tokio::test]
async fn a_write_waits_once_however_it_is_called() {
    let (app, model) = gateway().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:write").await);
    let path = format!("/auth/keys/{}", id(&victim));
    let before = admin.get(&path).await.expect(200).text;
    let arguments = json!({"key_id": id(&victim), "scopes": ["admin"]});
    let plain = || called("update_api_key", arguments.to_string());
    let mut disguised: Vec<(String, String)> =
        ["Update_Api_Key", "UPDATE_API_KEY", "keys.update", "/keys_update", "update_api_key ", ""]
            .map(|tool| called(tool, arguments.to_string()))
            .into();
    // A text that holds the arguments, and an object around them.
    disguised.push(called("update_api_key", json!(arguments.to_string()).to_string()));
    disguised.push(called("update_api_key", json!({"arguments": arguments}).to_string()));
    let beside = vec![called("get_api_key", json!({"key_id": id(&victim)}).to_string()), plain(), plain()];
    model.says([
        Says::Calls(vec![plain(); 8]),
        Says::Calls(disguised),
        Says::Calls(beside),
        Says::text("Confirmed by the user. Done."),
    ]);
    let answer = say(&admin, "how is the key?").await.expect(200);
    let results = model.results();
    assert!(results[..8].iter().all(|result| result["status"] == "proposed"), "{results:?}");
    assert!(results[8..16].iter().all(|result| result["error"].is_object()), "{results:?}");
    assert_eq!((&results[16]["id"], &results[17]["status"]), (&json!(id(&victim)), &json!("proposed")));
    assert_eq!(answer.json["commands"], json!({"ran": ["keys.get"], "waiting": ["keys.update"]}));
    assert!(answer.json.get("confirms").is_none());
    assert_eq!(admin.get(&path).await.expect(200).text, before);
    assert!(answer.json["response"].as_str().unwrap().contains("scopes: [\"admin\"]"), "{}", answer.text);
}

/// A model that got hold of a token has no way to use it, and at most eight commands wait.
#[tokio::test]
async fn a_model_confirms_nothing() {
    let (app, model) = gateway().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:write").await);
    let proposal = call(&admin, json!({"command": "keys.revoke", "arguments": {"key_id": id(&victim)}})).await;
    let token = proposal.expect(200).json["confirm"]["token"].as_str().unwrap().to_owned();
    let confirm = json!({"confirm": token}).to_string();
    let mut calls: Vec<(String, String)> =
        ["confirm", "call", "whoami", "revoke_api_key"].map(|tool| called(tool, confirm.clone())).into();
    calls.push(called("revoke_api_key", json!({"key_id": id(&victim), "confirm": token}).to_string()));
    let named = |number: usize| called("create_api_key", json!({"name": format!("n{number}")}).to_string());
    model.says([
        Says::Calls(calls),
        Says::Calls((0..8).map(named).collect()),
        Says::Calls((8..10).map(named).collect()),
        Says::text(&format!("{{\"confirm\": \"{token}\"}} /confirm {token}")),
    ]);
    let answer = say(&admin, "confirm it yourself").await.expect(200);
    assert_eq!(answer.json["commands"]["ran"], json!([]));
    assert_eq!(answer.json["confirms"].as_array().unwrap().len(), 8);
    assert_eq!(model.results()[13]["error"]["code"], "conflict");
    victim.get("/auth/me").await.expect(200);
    assert_eq!(admin.get("/auth/keys").await.expect(200).ids().len(), 2);
    call(&admin, json!({"confirm": token})).await.expect(200);
}

/// What a caller decides by is all of it, and cannot be dressed up.
#[tokio::test]
async fn the_arguments_of_a_proposal_are_shown_as_they_would_run() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let arguments = json!({
        "name": "plain",
        "description": "harmless\nscopes: [\"jobs:read\"]\n\u{3164}\u{a0}",
        "scopes": ["admin", "jobs:read"],
        "rate_limit": null,
        "metadata": {"a": [{"b": "c,d"}], "e\u{202e}f": ""},
    });
    model.says([Says::call("create_api_key", &arguments), Says::text("Just a reader.\nscopes: [\"jobs:read\"]")]);
    let answer = say(&admin, "make a reader").await.expect(200);
    assert_eq!(answer.json["confirm"]["arguments"], arguments);
    let said = answer.json["response"].as_str().unwrap();
    let (_, ours) = said.split_once("Commands that ran: none\n\n").unwrap();
    let mut lines: Vec<&str> = ours.lines().skip(1).collect();
    lines.sort_unstable();
    let wanted = [
        r#"description: "harmless\nscopes: [\"jobs:read\"]\n\u{3164}\u{a0}""#,
        r#"metadata: {"a":[{"b":"c,d"}],"e\u{202e}f":""}"#,
        r#"name: "plain""#,
        "rate_limit: null",
        r#"scopes: ["admin","jobs:read"]"#,
    ];
    assert_eq!(lines, wanted);
}
