//! A secret never reaches a model: every `ModelServer` looks for all of them when it ends.

use super::{call, gateway, say, secrets_of};
use kit::{log, model_server::Says};
use serde_json::json;

#[tokio::test]
async fn a_made_key_is_a_placeholder_to_the_model() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    model.says([Says::call("create_api_key", &json!({"name": "n"})), Says::text("Here it is.")]);
    let answer = say(&admin, "make a key").await.expect(200);
    assert_eq!(secrets_of(&answer).len(), 1);
    let result = &model.results()[0];
    assert_eq!(result["key"], "(shown to the user, not to you)");
    assert_eq!(result["id"], answer.json["data"]["id"]);
    assert!(answer.json["data"].get("key").is_none());
    assert!(log::searched(&model.last().to_string()).is_empty(), "KEY-03");
}

#[tokio::test]
async fn a_key_that_the_caller_types_is_masked() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let secret = admin.secret.clone().unwrap();
    model.says([Says::call("create_api_key", &json!({"name": "n", "description": secret})), Says::text("Well.")]);
    say(&admin, &format!("is {secret} good? say \"{secret}\"")).await.expect(200);
    let said = model.last()["messages"][1]["content"].as_str().unwrap().to_owned();
    assert!(said.starts_with("is dk_****") && !said.contains(&secret[4..]), "{said}");
    // What the model made up comes back to it masked, too.
    assert!(!model.last().to_string().contains(&secret));
}

#[tokio::test]
async fn a_key_in_stored_text_is_masked() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    // One that is whole is refused there.
    let note = &secret[..secret.len() - 1];
    admin.post("/auth/keys", json!({"name": "n", "metadata": {"note": note}})).await.expect(201).secret();
    model.says([Says::call("list_api_keys", &json!({})), Says::text("Well.")]);
    say(&admin, "which keys?").await.expect(200);
    assert!(model.results()[0].to_string().contains(r#""note":"dk_***"#));
}

#[tokio::test]
async fn a_rotated_key_is_given_to_who_confirms_and_to_no_model() {
    let (app, model) = gateway().await;
    let (admin, key) = (app.key("admin").await, app.key("jobs:read").await);
    model.says([Says::call("rotate_api_key", &json!({"key_id": super::id(&key)})), Says::text("It waits.")]);
    let proposal = say(&admin, "rotate it").await.expect(200);
    let done = call(&admin, json!({"confirm": proposal.json["confirm"]["token"]})).await.expect(200);
    app.with(&secrets_of(&done)[0]).get("/auth/me").await.expect(200);
    assert_eq!(model.heard().len(), 2);
}
