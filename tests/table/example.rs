//! How each route is called by somebody who may: a route that is missing here fails the table.

use dalston_auth::SecretText;
use dalston_chat::webhook_secret;
use dalston_gateway::RouteRow;
use dalston_model::{PageLimit, PageRequest, Start};
use dalston_service::CreateWebhook;
use dalston_work::{EventKind, WebhookPatch};
use kit::{
    app::App,
    bot_api::TOKEN,
    client::{Answer, Client},
    log,
    process::eventually,
    receiver::Receiver,
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A request that succeeds, and how.
pub(super) struct Example {
    method: Method,
    pattern: &'static str,
    body: Body,
    status: u16,
}

/// What a request carries.
enum Body {
    None,
    Json(Value),
    Audio,
    /// An update with the secret that Telegram was told.
    Update,
}

/// A key, a job and a webhook with an ended delivery that requests are about.
#[derive(Clone)]
pub(super) struct Things {
    pub(super) tenant: String,
    pub(super) key: String,
    pub(super) job: String,
    pub(super) worker: String,
    pub(super) webhook: String,
    pub(super) delivery: String,
}

impl Things {
    /// New ones of tenant `default`.
    pub(super) async fn new(app: &App) -> Self {
        let (webhook, delivery) = told(app).await;
        Self { webhook, delivery, ..Self::without_webhook(app).await }
    }

    /// The same without the webhook, which takes its time.
    pub(super) async fn without_webhook(app: &App) -> Self {
        let job = app.master().upload(wav::tone(1), "a.wav").await.expect(201);
        let key = app.key("jobs:read").await.id.unwrap().to_string();
        let worker = "gpu-1".to_owned();
        app.master().put(&format!("/v1/workers/{worker}"), about_worker()).await.expect(200);
        let tenant = "default".to_owned();
        Self { tenant, key, job: job.json["id"].as_str().unwrap().to_owned(), worker, ..Self::unknown() }
    }

    /// Those of nobody.
    pub(super) fn unknown() -> Self {
        Self {
            tenant: "nobody".to_owned(),
            key: "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d".to_owned(),
            job: "job_0192f0c12b7a7c3e9d415f6e7a8b9c0d".to_owned(),
            worker: "gpu-2".to_owned(),
            webhook: "wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d".to_owned(),
            delivery: "msg_0192f0c12b7a8c3e9d415f6e7a8b9c0d".to_owned(),
        }
    }

    /// Their ids, by the parameters that name them.
    fn named(&self) -> [(&'static str, &String); 6] {
        [
            ("tenant_id", &self.tenant),
            ("key_id", &self.key),
            ("job_id", &self.job),
            ("webhook_id", &self.webhook),
            ("delivery_id", &self.delivery),
            ("worker_id", &self.worker),
        ]
    }
}

impl Example {
    /// The example of a route.
    pub(super) fn of(route: &RouteRow) -> Self {
        let (body, status) = match (route.method.as_str(), route.pattern) {
            (
                "GET",
                "/health" | "/health/ready" | "/help" | "/status" | "/auth/me" | "/auth/keys" | "/v1/tenants"
                | "/v1/usage",
            )
            | ("GET" | "DELETE", "/auth/keys/{key_id}" | "/v1/audio/transcriptions/{job_id}")
            | ("GET", "/auth/keys/{key_id}/usage" | "/v1/audio/transcriptions" | "/v1/audit" | "/v1/audit/verify") => {
                (Body::None, 200)
            }
            // Without an upgrade; the tests of the stream make one.
            ("GET", "/v1/audio/transcriptions/stream" | "/openai/v1/realtime") => (Body::None, 426),
            // Nothing waits; the tests of claims let something wait.
            ("GET" | "POST", "/auth/claims/{token}") => (Body::None, 404),
            ("POST", "/mcp") => (Body::Json(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})), 200),
            ("POST", "/auth/keys") => (Body::Json(json!({"name": "made", "scopes": ["jobs:read"]})), 201),
            // Nobody works on jobs here, and no model has that name; the tests of OpenAI's clients have both.
            ("POST", "/openai/v1/audio/transcriptions" | "/openai/v1/audio/translations") => (Body::None, 400),
            ("GET", "/openai/v1/models" | "/v1/models") => (Body::None, 200),
            ("GET", "/openai/v1/models/{model}" | "/v1/models/{model}") => (Body::None, 404),
            // The job waits; the tests of jobs have one that is completed.
            ("GET", "/v1/audio/transcriptions/{job_id}/export/{format}") => (Body::None, 409),
            ("GET", "/v1/audio/transcriptions/{job_id}/events") => (Body::None, 200),
            ("PATCH", "/v1/tenants/{tenant_id}") => (Body::Json(json!({"retention_days": 30})), 200),
            ("PATCH", "/auth/keys/{key_id}") => (Body::Json(json!({"name": "renamed"})), 200),
            ("POST", "/auth/keys/{key_id}/rotate") => (Body::Json(json!({"overlap_seconds": 60})), 200),
            ("POST", "/auth/tickets") => (Body::Json(json!({"path": "/v1/audio/transcriptions/stream"})), 201),
            ("PUT", "/v1/workers/{worker_id}") => (Body::Json(about_worker()), 200),
            ("GET", "/v1/workers") | ("DELETE", "/v1/workers/{worker_id}") => (Body::None, 200),
            ("GET", "/v1/webhooks" | "/v1/webhooks/{webhook_id}/deliveries")
            | ("GET" | "DELETE", "/v1/webhooks/{webhook_id}") => (Body::None, 200),
            ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry") => (Body::Json(json!({})), 200),
            ("POST", "/v1/webhooks") => (Body::Json(json!({"url": "https://example.com/hook"})), 201),
            ("PATCH", "/v1/webhooks/{webhook_id}") => (Body::Json(json!({"enabled": false})), 200),
            ("POST", "/v1/webhooks/{webhook_id}/rotate") => (Body::Json(json!({"overlap_seconds": 60})), 200),
            ("PUT", "/auth/keys/{key_id}/quota" | "/v1/tenants/{tenant_id}/quota") => {
                (Body::Json(json!({"concurrent_jobs": 1_000})), 200)
            }
            ("POST", "/v1/tenants") => (Body::Json(json!({"id": "made"})), 201),
            ("POST", "/call") => (Body::Json(json!({"command": "whoami"})), 200),
            ("POST", "/v1/audio/transcriptions") => (Body::Audio, 201),
            ("POST", "/nudge") => (Body::Json(json!({"message": "hello"})), 200),
            ("POST", "/telegram") => (Body::Update, 200),
            (method, pattern) => panic!("{method} {pattern} has no example: add it here"),
        };
        Self { method: route.method.as_str().parse().unwrap(), pattern: route.pattern, body, status }
    }

    /// The status of success.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Sends it about these things.
    pub(super) async fn send(&self, client: &Client, about: &Things) -> Answer {
        let path = self.pattern.replace("{token}", &"0".repeat(64)).replace("{format}", "srt");
        let path = about.named().iter().fold(path, |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
        let request = client.request(self.method.clone(), &path);
        let request = match &self.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Update => {
                let secret = webhook_secret(&SecretText::new(TOKEN.to_owned()));
                request.header("x-telegram-bot-api-secret-token", secret).json(&json!({"update_id": 1}))
            }
            Body::Audio => request.multipart(Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"))),
        };
        let answer = Answer::of(request).await;
        let is_openais = ["/openai/", "/v1/models"].iter().any(|start| self.pattern.starts_with(start));
        let answer = if is_openais { in_our_words(answer) } else { answer };
        for secret in ["key", "secret", "ticket"].iter().filter_map(|name| answer.json[name].as_str()) {
            log::guard(secret);
        }
        answer
    }

    /// The arguments of the command behind it.
    pub(super) fn arguments(&self, about: &Things) -> serde_json::Map<String, Value> {
        let mut arguments = match &self.body {
            Body::Json(Value::Object(body)) => body.clone(),
            _ => serde_json::Map::new(),
        };
        for (name, value) in about.named() {
            if self.pattern.contains(&format!("{{{name}}}")) {
                arguments.insert(name.to_owned(), json!(value));
            }
        }
        arguments
    }
}

/// What a worker says of itself.
fn about_worker() -> Value {
    json!({"url": "ws://127.0.0.1:9/session", "capacity": 4})
}

/// Makes room for webhooks of tenant `default`, which has few: the oldest go.
pub(super) async fn forget_webhooks(app: &App) {
    let (permit, webhooks) = (app.permit("default"), &app.runtime.services.webhooks);
    let all = PageRequest { limit: PageLimit::default(), start: Start::Newest };
    for old in webhooks.list(&permit, &all).await.unwrap().items.iter().skip(10) {
        webhooks.delete(&permit, old.id).await.unwrap();
    }
}

/// A webhook of tenant `default`, and a delivery that it was made.
async fn told(app: &App) -> (String, String) {
    static RECEIVER: LazyLock<Receiver> = LazyLock::new(Receiver::start);
    forget_webhooks(app).await;
    let (permit, webhooks) = (app.permit("default"), &app.runtime.services.webhooks);
    let all = PageRequest { limit: PageLimit::default(), start: Start::Newest };
    let ask = CreateWebhook { url: RECEIVER.url.clone(), events: vec![EventKind::Cancelled], description: None };
    let (webhook, secret) = webhooks.create(&permit, ask).await.unwrap();
    log::guard(secret.expose());
    let job = app.master().upload(wav::tone(1), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
    app.master().delete(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
    let mut delivery = String::new();
    eventually("a delivery arrives", async || {
        let page = webhooks.deliveries(&permit, webhook.id, &all).await.unwrap();
        delivery = page.items[0].id.to_string();
        page.items[0].next_at.is_none()
    })
    .await;
    // What later tests do goes elsewhere.
    let patch = WebhookPatch { events: Some(vec![EventKind::Failed]), ..WebhookPatch::default() };
    webhooks.update(&permit, webhook.id, patch).await.unwrap();
    (webhook.id.to_string(), delivery)
}

/// A refusal in OpenAI's shape, as it would be said elsewhere: the table asks the same of both.
fn in_our_words(mut answer: Answer) -> Answer {
    let Some(error) = answer.json["error"].as_object().cloned() else { return answer };
    assert_eq!(error.keys().collect::<Vec<_>>(), ["message", "type", "param", "code"]);
    assert_eq!(answer.header("content-type"), "application/json");
    let code = match error["code"].as_str().unwrap() {
        "invalid_api_key" if answer.header("www-authenticate").contains("error=") => "invalid_credential",
        "invalid_api_key" => "missing_credential",
        "rate_limit_exceeded" => "rate_limited",
        "model_not_found" => "not_found",
        other => other,
    };
    let request_id = answer.header("x-request-id").to_owned();
    answer.json = json!({"status": answer.code(), "code": code, "detail": error["message"], "request_id": request_id});
    answer.headers.insert("content-type", "application/problem+json".parse().unwrap());
    answer
}
