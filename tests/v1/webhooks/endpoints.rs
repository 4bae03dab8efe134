use super::{SCOPES, cancelled, deliveries, gateway, hook, tried};
use kit::{app::App, log, receiver::Receiver};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn the_secret_is_shown_once() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    let ask = json!({"url": "https://example.com:443/a?b=c", "events": ["transcription.failed"], "description": "x"});
    let made = client.post("/v1/webhooks", ask).await.expect(201);
    let secret = made.secret();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "256 bits of base64");
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/v1/webhooks/{id}"));
    let mut shown = made.json.clone();
    shown.as_object_mut().unwrap().remove("secret");
    let caller = client.id.unwrap().to_string();
    assert_eq!(
        shown,
        json!({
            "id": id, "tenant_id": "default", "url": "https://example.com/a?b=c", "description": "x",
            "events": ["transcription.failed"], "enabled": true, "disabled_at": null,
            "created_at": "2026-01-01T00:00:00Z", "created_by": caller, "last_success_at": null,
            "failed_deliveries": 0,
        })
    );
    assert_eq!(client.get(&format!("/v1/webhooks/{id}")).await.expect(200).json, shown);
    assert_eq!(client.get("/v1/webhooks").await.expect(200).json, json!([shown]));
    let rotated = client.post(&format!("/v1/webhooks/{id}/rotate"), json!({})).await.expect(200);
    assert_ne!(rotated.secret(), secret);
    for records in [app.master().get("/v1/audit").await, client.get("/v1/webhooks").await] {
        assert!(!records.text.contains("whsec_"), "{}", records.text);
    }
}

#[tokio::test]
async fn each_change_is_on_the_record_without_secret_or_path() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, "https://example.com/token-of-the-receiver").await;
    let path = format!("/v1/webhooks/{id}");
    let patch = json!({"url": "https://other.example.com/token-of-the-receiver", "enabled": false});
    let changed = client.patch(&path, patch).await.expect(200);
    assert_eq!(
        (&changed.json["url"], &changed.json["enabled"]),
        (&json!("https://other.example.com/token-of-the-receiver"), &json!(false))
    );
    client.post(&format!("{path}/rotate"), json!({"overlap_seconds": 0})).await.expect(200).secret();
    assert_eq!(client.delete(&path).await.expect(200).json, json!({"status": "deleted"}));
    client.get(&path).await.expect(404);
    let records = app.master().get("/v1/audit").await.expect(200);
    let of = |record: &Value| record["target"] == json!({"kind": "webhook", "id": id});
    let told: Vec<(Value, Value)> = records
        .json
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| of(it))
        .rev()
        .map(|it| (it["action"].clone(), it["detail"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            (json!("webhook.created"), json!({"host": "example.com", "events": []})),
            (json!("webhook.updated"), json!({"host": "other.example.com", "enabled": false})),
            (json!("webhook.rotated"), json!({"overlap_seconds": 0, "end_overlap": false})),
            (json!("webhook.deleted"), json!({})),
        ]
    );
}

#[tokio::test]
async fn a_retry_of_a_rotation_leaves_the_secret_that_receivers_hold() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, "https://example.com/").await;
    let path = format!("/v1/webhooks/{id}/rotate");
    let first = client.post(&path, json!({})).await.expect(200);
    log::guard(&first.secret());
    assert_eq!(first.json["previous_expires_at"], "2026-01-02T00:00:00Z", "a day unless told");
    assert_eq!(client.get(&format!("/v1/webhooks/{id}")).await.json.get("previous_expires_at"), None);
    for body in [json!({}), json!({"overlap_seconds": 0}), json!({"overlap_seconds": 60, "end_overlap": false})] {
        let again = client.post(&path, body).await.expect(409);
        assert_eq!(again.problem(), "conflict");
        assert!(again.text.contains("2026-01-02T00:00:00Z") && again.text.contains("end_overlap"), "{}", again.text);
    }
    let proposal = client.post("/call", json!({"command": format!("/webhooks_rotate {id}")})).await.expect(200);
    let confirmed = client.post("/call", json!({"confirm": proposal.json["confirm"]["token"]})).await.expect(409);
    assert!(confirmed.text.contains("2026-01-02T00:00:00Z"), "{}", confirmed.text);
    let told = client.post(&path, json!({"overlap_seconds": 60, "end_overlap": true})).await.expect(200);
    log::guard(&told.secret());
    assert_eq!(told.json["previous_expires_at"], "2026-01-01T00:01:00Z");
}

#[tokio::test]
async fn what_is_no_endpoint_is_refused_by_the_field() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, "https://example.com/").await;
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://user:word@example.com/",
        "https://example.com/#x",
        "nonsense",
        "",
    ] {
        for answer in [
            client.post("/v1/webhooks", json!({"url": url})).await,
            client.patch(&format!("/v1/webhooks/{id}"), json!({"url": url})).await,
        ] {
            assert_eq!((answer.problem(), answer.fields()), ("invalid_request", vec!["url"]), "UPL-08 {url}");
            assert!(url.is_empty() || !answer.text.contains(url), "{}", answer.text);
        }
    }
    let key = app.key("jobs:read").await.secret.unwrap();
    let pasted = client.post("/v1/webhooks", json!({"url": format!("https://example.com/?key={key}")})).await;
    assert_eq!(pasted.fields(), ["url"]);
    for (field, body) in [
        ("events", json!({"url": "https://example.com/", "events": ["transcription.started"]})),
        ("secret", json!({"url": "https://example.com/", "secret": "whsec_mine"})),
    ] {
        assert_eq!(client.post("/v1/webhooks", body).await.fields(), [field]);
    }
    let path = format!("/v1/webhooks/{id}");
    assert_eq!(client.patch(&path, json!({})).await.fields(), ["body"]);
    let longer = json!({"overlap_seconds": 604_801});
    assert_eq!(client.post(&format!("{path}/rotate"), longer).await.fields(), ["overlap_seconds"]);
}

#[tokio::test]
async fn the_webhooks_of_another_tenant_are_not_there() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    cancelled(&client).await;
    let delivery = tried(&app, &client, &id, 1).await["id"].as_str().unwrap().to_owned();
    let other = app.key_of("other", SCOPES, |ask| ask).await;
    let (foreign, path) = (format!("/v1/webhooks/{id}"), format!("/v1/webhooks/{id}/deliveries"));
    for (method, path, body) in [
        (Method::GET, foreign.clone(), None),
        (Method::PATCH, foreign.clone(), Some(json!({"enabled": false}))),
        (Method::DELETE, foreign.clone(), None),
        (Method::POST, format!("{foreign}/rotate"), Some(json!({}))),
        (Method::GET, path.clone(), None),
        (Method::POST, format!("{path}/{delivery}/retry"), Some(json!({}))),
    ] {
        let request = other.request(method, &path);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = kit::client::Answer::of(request).await.expect(404);
        assert_eq!(answer.json["detail"], "Webhook not found", "TEN-01 {path}");
    }
    assert_eq!(other.get("/v1/webhooks").await.expect(200).json, json!([]));
    // Nor does it hear what happens elsewhere.
    let (own, _) = hook(&other, &receiver.url).await;
    cancelled(&client).await;
    receiver.sent(2).await;
    assert_eq!(deliveries(&other, &own).await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_tenant_has_few_webhooks() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    for _ in 0..20 {
        hook(&client, "https://example.com/").await;
    }
    let answer = client.post("/v1/webhooks", json!({"url": "https://example.com/"})).await.expect(409);
    assert_eq!(answer.json["detail"], "A tenant has at most 20 webhooks");
    hook(&app.key_of("other", SCOPES, |ask| ask).await, "https://example.com/").await;
}

#[tokio::test]
async fn the_status_tells_admins_how_webhooks_are() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let admin = app.key("admin").await;
    let report = async || admin.get("/status").await.expect(200).json["admin"]["webhook"].clone();
    let none = json!({"enabled": 0, "disabled": 0, "failed": 0, "last_success_at": null});
    assert_eq!(report().await, none);
    let (id, _) = hook(&client, &receiver.url).await;
    let (off, _) = hook(&client, "https://example.com/").await;
    client.patch(&format!("/v1/webhooks/{off}"), json!({"enabled": false})).await.expect(200);
    cancelled(&client).await;
    tried(&app, &client, &id, 1).await;
    let now = json!(app.clock_now());
    assert_eq!(report().await, json!({"enabled": 1, "disabled": 1, "failed": 0, "last_success_at": now}));
    let foreign = app.key_of("other", "admin", |ask| ask).await;
    assert_eq!(foreign.get("/status").await.expect(200).json["admin"]["webhook"], none);
}

#[tokio::test]
async fn every_door_hands_the_secret_over_beside_its_answer() {
    let app = App::start().await;
    let client = app.key(SCOPES).await;
    let ask = json!({"command": "webhooks.create", "arguments": {"url": "https://example.com/"}});
    let told = client.post("/call", ask).await.expect(200);
    let secret = told.json["secrets"]["secret"].as_str().unwrap();
    log::guard(secret);
    assert!(secret.starts_with("whsec_"));
    assert!(!told.json["response"].as_str().unwrap().contains("whsec_") && told.json["data"]["secret"].is_null());

    let arguments = json!({"webhook_id": told.json["data"]["id"]});
    let params = json!({"name": "rotate_webhook_secret", "arguments": arguments});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let rotated = client.post("/mcp", call).await.expect(200);
    assert!(!rotated.text.contains("whsec_"), "MCP-07 {}", rotated.text);
    let url = rotated.json["result"]["structuredContent"]["claim_url"].as_str().unwrap();
    let (_, token) = url.split_once("/auth/claims/").unwrap();
    log::guard(token);
    let claimed = app.anon().post(&format!("/auth/claims/{token}"), json!({})).await.expect(200);
    assert!(claimed.json["secret"].as_str().unwrap().starts_with("whsec_"));
    log::guard(claimed.json["secret"].as_str().unwrap());
    let record = &app.master().get("/v1/audit?action=secret.claimed").await.expect(200).json[0];
    assert_eq!(record["target"], json!({"kind": "webhook", "id": told.json["data"]["id"]}));
}
