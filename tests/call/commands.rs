//! Commands by name and as slash text.

use super::{call, id, secrets_of};
use kit::app::{App, MASTER};
use serde_json::json;

#[tokio::test]
async fn a_command_answers_the_json_of_its_route_and_a_text() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for (body, command, path) in [
        (json!({"command": "keys.list", "arguments": {"limit": 5}}), "keys.list", "/auth/keys?limit=5"),
        (json!({"command": "/keys_list limit=5"}), "keys.list", "/auth/keys?limit=5"),
        (json!({"command": "/whoami"}), "whoami", "/auth/me"),
        (json!({"command": "whoami", "arguments": null, "message": null}), "whoami", "/auth/me"),
    ] {
        let answer = call(&admin, body.clone()).await.expect(200);
        assert_eq!(answer.json["success"], true);
        assert_eq!(answer.json["command_handled"], command);
        let route = admin.get(path).await.expect(200);
        assert_eq!(answer.json["data"], route.json, "{body}");
        assert!(answer.json["response"].as_str().unwrap().contains("admin"), "{}", answer.text);
        let fields: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["success", "response", "data", "command_handled"]);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_made_key_comes_beside_the_data_and_works() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let answer = call(&admin, json!({"command": "/keys_create name='Read only' scopes=jobs:read"})).await.expect(200);
    let secret = secrets_of(&answer).remove(0);
    let me = app.with(&secret).get("/auth/me").await.expect(200);
    assert_eq!(me.json["id"], answer.json["data"]["id"]);
    assert_eq!(me.json["name"], "Read only");
    assert!(answer.json["data"].get("key").is_none());
}

#[tokio::test]
async fn a_long_list_tells_where_the_next_page_begins() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    // Of two that were made in one moment nobody knows which is the newer.
    app.clock.advance(std::time::Duration::from_secs(1));
    app.key("jobs:read").await;
    let first = call(&admin, json!({"command": "keys.list", "arguments": {"limit": 1}})).await.expect(200);
    let cursor = first.json["next"].as_str().unwrap();
    let next = call(&admin, json!({"command": "keys.list", "arguments": {"limit": 1, "cursor": cursor}})).await;
    assert_eq!(next.json["data"][0]["id"], id(&admin));
    assert!(next.json.get("next").is_none());
}

#[tokio::test]
async fn refusals_are_those_of_the_routes() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let refused = call(&reader, json!({"command": "/keys_list"})).await.expect(403);
    let route = reader.get("/auth/keys").await.expect(403);
    for field in ["type", "status", "code", "detail"] {
        assert_eq!(refused.json[field], route.json[field], "AUTHZ-06");
    }
    assert_eq!(refused.header("www-authenticate"), route.header("www-authenticate"));
    let unknown = call(&reader, json!({"command": "version"})).await.expect(404);
    assert_eq!(unknown.json["detail"], "Command not found");
    call(&reader, json!({"command": "/version"})).await.expect(404);
    call(&reader, json!({"command": "/jobs_list 'a"})).await.expect(400);
    let wrong = call(&reader, json!({"command": "jobs.list", "arguments": {"nope": 1}})).await.expect(422);
    assert_eq!(wrong.fields(), ["nope"]);
    app.anon().post("/call", json!({"command": "/status"})).await.expect(401);
}

#[tokio::test]
async fn rights_come_from_the_credential_alone() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    for field in ["user_id", "is_admin", "tenant_id", "scopes", "api_key", "key"] {
        let answer = call(&reader, json!({"command": "/keys_list", field: "1"})).await.expect(422);
        assert_eq!((answer.problem(), answer.fields()), ("invalid_request", vec![field]));
    }
    let secret = reader.secret.clone().unwrap();
    for pasted in ["dk_ secret", MASTER, secret.as_str(), &"a".repeat(32), &"f".repeat(64)] {
        let answer = call(&reader, json!({"command": "/status", pasted: 1})).await.expect(422);
        assert_eq!(answer.fields(), ["(unreadable name)"], "{pasted}");
        if pasted.contains(' ') {
            continue;
        }
        let form = reqwest::multipart::Form::new().text(pasted.to_owned(), "1");
        let upload = app.key("jobs:write").await.request(reqwest::Method::POST, "/v1/audio/transcriptions");
        let answer = kit::client::Answer::of(upload.multipart(form)).await.expect(422);
        assert_eq!(answer.fields(), ["(unreadable name)"], "{pasted}");
    }
}

#[tokio::test]
async fn a_body_says_exactly_one_thing() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    for (body, field) in [
        (json!({}), "command"),
        (json!({"command": null}), "command"),
        (json!({"arguments": {}}), "command"),
        (json!({"command": 1}), "command"),
        (json!({"command": "/status", "message": "hello"}), "message"),
        (json!({"message": "hello", "confirm": "x"}), "confirm"),
        (json!({"command": "/status", "arguments": {}}), "arguments"),
        (json!({"command": "status", "arguments": []}), "arguments"),
        (json!({"confirm": "x", "arguments": {}}), "arguments"),
        (json!({"message": ""}), "message"),
        (json!({"message": " "}), "message"),
        (json!({"message": "é".repeat(4097)}), "message"),
    ] {
        let answer = call(&admin, body.clone()).await.expect(422);
        assert_eq!(answer.fields(), [field], "{body}");
    }
    let twice = admin.request(reqwest::Method::POST, "/call").header("content-type", "application/json");
    let twice = kit::client::Answer::of(twice.body(r#"{"command": "status", "command": "help"}"#)).await;
    assert_eq!((twice.code(), twice.problem()), (400, "invalid_request"), "JSON-01");
}

#[tokio::test]
async fn a_message_without_a_model_is_said_to_have_none() {
    let app = App::start().await;
    let answer = call(&app.key("admin").await, json!({"message": "hello"})).await.expect(503);
    assert_eq!(
        (answer.problem(), answer.json["detail"].as_str().unwrap()),
        ("unavailable", "No language model is configured")
    );
}

#[tokio::test]
async fn a_repeated_call_makes_one_key_however_it_is_written() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let once = [("idempotency-key", "once")];
    let body = json!({"command": "keys.create", "arguments": {"name": "n"}});
    let made = admin.post_with("/call", body.clone(), &once).await.expect(200);
    let secret = secrets_of(&made).remove(0);
    kit::log::guard(&secret);
    for again in [body, json!({"command": "/keys_create n"})] {
        let again = admin.post_with("/call", again, &once).await.expect(409);
        assert!(again.text.contains(made.json["data"]["id"].as_str().unwrap()), "IDEM-01 {}", again.text);
    }
    admin.post_with("/auth/keys", json!({"name": "n"}), &once).await.expect(409);
    admin.post_with("/call", json!({"command": "/keys_create m"}), &once).await.expect(422);
    admin.post_with("/call", json!({"command": "/status"}), &[("idempotency-key", "a b")]).await.expect(400);
}
