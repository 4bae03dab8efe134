//! What cannot be undone waits for its caller's word.

use super::{call, id, say};
use kit::{
    app::App,
    client::{Answer, Client},
    model_server::Says,
};
use serde_json::json;
use std::time::Duration;

async fn revocation(client: &Client, of: &Client) -> Answer {
    call(client, json!({"command": "keys.revoke", "arguments": {"key_id": id(of)}})).await.expect(200)
}

async fn confirm(client: &Client, proposal: &Answer) -> Answer {
    call(client, json!({"confirm": proposal.json["confirm"]["token"]})).await
}

#[tokio::test]
async fn a_command_that_cannot_be_undone_runs_once_it_is_confirmed_and_then_no_more() {
    let app = App::start().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:read").await);
    let proposal = revocation(&admin, &victim).await;
    assert_eq!(proposal.json["confirm"]["command"], "keys.revoke");
    assert_eq!(proposal.json["confirm"]["arguments"], json!({"key_id": id(&victim)}));
    assert_eq!(proposal.json["confirm"]["expires_at"], "2026-01-01T00:05:00Z");
    assert_eq!(proposal.json["command_handled"], "keys.revoke");
    assert!(proposal.json["data"].is_null());
    assert!(proposal.json["response"].as_str().unwrap().contains(&id(&victim)), "{}", proposal.text);
    victim.get("/auth/me").await.expect(200);

    let done = confirm(&admin, &proposal).await.expect(200);
    assert_eq!(done.json["data"], json!({"status": "revoked"}));
    victim.get("/auth/me").await.expect(401);
    let again = confirm(&admin, &proposal).await.expect(404);
    assert_eq!(again.json["detail"], "Confirmation not found");
}

#[tokio::test]
async fn nobody_confirms_for_another() {
    let app = App::start().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:read").await);
    let proposal = revocation(&admin, &victim).await;
    let unknown = call(&admin, json!({"confirm": "0".repeat(32)})).await.expect(404);
    for other in [app.key("admin").await, app.key_of("other", "admin", |ask| ask).await, app.master()] {
        let answer = confirm(&other, &proposal).await.expect(404);
        assert_eq!(answer.json["detail"], unknown.json["detail"], "TEN-01");
    }
    victim.get("/auth/me").await.expect(200);
    confirm(&admin, &proposal).await.expect(200);
}

#[tokio::test]
async fn a_proposal_lapses_after_five_minutes() {
    let app = App::start().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:read").await);
    let proposal = revocation(&admin, &victim).await;
    app.clock.advance(Duration::from_secs(300));
    confirm(&admin, &proposal).await.expect(404);
    victim.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn what_would_be_refused_is_not_proposed() {
    let app = App::start().await;
    let (reader, admin) = (app.key("jobs:read").await, app.key("admin").await);
    let revoke = |arguments| json!({"command": "keys.revoke", "arguments": arguments});
    call(&reader, revoke(json!({"key_id": id(&admin)}))).await.expect(403);
    assert_eq!(call(&admin, revoke(json!({}))).await.expect(422).fields(), ["key_id"]);
}

#[tokio::test]
async fn rights_that_were_lost_meanwhile_are_asked_again() {
    let app = App::start().await;
    let (admin, victim) = (app.key("admin").await, app.key("jobs:read").await);
    let proposal = revocation(&admin, &victim).await;
    let path = format!("/auth/keys/{}", id(&admin));
    app.master().patch(&path, json!({"scopes": ["jobs:read"]})).await.expect(200);
    confirm(&admin, &proposal).await.expect(403);
    victim.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn the_model_proposes_and_only_the_caller_confirms() {
    let (app, model) = super::gateway().await;
    let (admin, one, two) = (app.key("admin").await, app.key("jobs:read").await, app.key("jobs:read").await);
    let revoke = |of: &Client| ("revoke_api_key".to_owned(), json!({"key_id": id(of)}).to_string());
    model.says([Says::Calls(vec![revoke(&one), revoke(&two)]), Says::text("All done, both are gone!")]);
    let answer = say(&admin, "revoke both").await.expect(200);
    let results = model.results();
    assert_eq!(results[0]["status"], "proposed");
    assert_eq!(results[1]["status"], "proposed");
    let token = answer.json["confirm"]["token"].as_str().unwrap();
    assert!(!model.last().to_string().contains(token), "the model could confirm it");
    // Whatever the model says, the caller reads what would be confirmed.
    let text = answer.json["response"].as_str().unwrap();
    assert!(text.contains("keys.revoke cannot be undone") && text.contains(&id(&one)), "{text}");
    assert_eq!((answer.json["command_handled"].as_str(), answer.json["data"].is_null()), (Some("keys.revoke"), true));
    one.get("/auth/me").await.expect(200);
    confirm(&admin, &answer).await.expect(200);
    one.get("/auth/me").await.expect(401);
    two.get("/auth/me").await.expect(200);
}
