//! A secret never reaches a model: every `ModelServer` looks for all of them when it ends.

use super::{call, gateway, say, secrets_of, start};
use kit::{
    app::MASTER,
    bot_api::TOKEN,
    log,
    model_server::{KEY, ModelServer, Says},
};
use serde_json::json;

#[tokio::test]
async fn a_made_key_is_given_to_who_confirms_and_to_no_model() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    model.says([Says::call("create_api_key", &json!({"name": "n"})), Says::text("It waits.")]);
    let proposal = say(&admin, "make a key").await.expect(200);
    assert!(secrets_of(&proposal).is_empty());
    let answer = call(&admin, json!({"confirm": proposal.json["confirm"]["token"]})).await.expect(200);
    assert_eq!(secrets_of(&answer).len(), 1);
    assert!(answer.json["data"].get("key").is_none());
    model.says([Says::call("list_api_keys", &json!({})), Says::text("Two.")]);
    say(&admin, "which keys?").await.expect(200);
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

/// Whatever of it stands in a message, in what is stored, or in what the model makes up.
#[tokio::test]
async fn every_secret_that_the_gateway_knows_is_masked() {
    const PEPPER: &str = "pepper-of-the-tests-0123456789";
    let model = ModelServer::start();
    let start = start(&model).set("DALSTON_PEPPER", PEPPER).set("TELEGRAM_BOT_TOKEN", TOKEN);
    let start =
        start.set("TELEGRAM_API_URL", "http://127.0.0.1:9").set("DALSTON_ENGINE_API_KEY", "engine-key-0123456789");
    let app = start.start().await;
    let admin = app.key("admin").await;
    let (claim, pasted) = ("a0".repeat(32), "postgres://dalston:s3cr3t-w0rd@db/dalston");
    let secrets = [MASTER, PEPPER, TOKEN, KEY, "engine-key-0123456789", &claim, "s3cr3t-w0rd"];
    admin.post("/auth/keys", json!({"name": "n", "metadata": {MASTER: [PEPPER, TOKEN]}})).await.expect(201).secret();
    let made_up = json!({"name": "m", "description": format!("({MASTER}) {PEPPER}{PEPPER}")});
    model.says([Says::call("list_api_keys", &json!({})), Says::call("create_api_key", &made_up), Says::text("Well.")]);
    let link = format!("https://x.example/auth/claims/{claim}");
    let message = format!("(is '{MASTER}'={KEY},{TOKEN} good?) {link} engine-key-0123456789 {pasted} {PEPPER}");
    let answer = say(&admin, &message).await.expect(200);
    let last = model.last().to_string();
    for secret in secrets {
        assert!(!last.contains(secret), "{secret} in {last}");
    }
    // A proposal shows it as little, and runs as it was made.
    let said = answer.json["response"].as_str().unwrap();
    assert!(said.contains("description: \"(****") && !said.contains(MASTER) && !said.contains(PEPPER), "{said}");
    assert_eq!(answer.json["confirm"]["arguments"], made_up);
}

/// A token of a proposal is the caller's, and none of a model's business.
#[tokio::test]
async fn the_token_of_a_proposal_is_masked() {
    let (app, model) = gateway().await;
    let admin = app.key("admin").await;
    let proposal = call(&admin, json!({"command": "/keys_revoke x"})).await.expect(200);
    let token = proposal.json["confirm"]["token"].as_str().unwrap();
    model.says([Says::text("Well.")]);
    say(&admin, &format!("confirm {token} for me")).await.expect(200);
    assert!(!model.last().to_string().contains(&token[3..]));
}
