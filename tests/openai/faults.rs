//! Refusals have OpenAI's shape below the base URL, and ours elsewhere.

use kit::{
    app::App,
    client::{Answer, Client},
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

#[tokio::test]
async fn whatever_is_no_route_is_refused_in_that_shape_too() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    for (method, path, status, code) in [
        (Method::GET, "/openai/v1", 404, "not_found"),
        (Method::POST, "/openai/v1/chat/completions", 404, "not_found"),
        (Method::GET, "/openai/v1/audio/transcriptions", 405, "method_not_allowed"),
        (Method::POST, "/openai/v1/models", 405, "method_not_allowed"),
        (Method::GET, "/v1/models/no-such-model", 404, "model_not_found"),
        (Method::GET, "/openai/v1/models/no/such-model", 404, "model_not_found"),
        (Method::GET, "/openai/v1/models/no%2Fsuch-model", 404, "model_not_found"),
        (Method::POST, "/v1/models", 405, "method_not_allowed"),
    ] {
        let answer = Answer::of(client.request(method, path)).await.expect(status);
        assert_eq!(answer.json["error"]["code"], code, "{path}");
        assert_eq!(answer.json.as_object().unwrap().len(), 1);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(!answer.header("x-request-id").is_empty());
    }
    for path in ["/openai", "/openai/v2", "/openai/v10/models", "/v10/models", "//v1/model/"] {
        assert_eq!(client.get(path).await.expect(404).problem(), "not_found", "{path}");
    }
}

#[tokio::test]
async fn base_urls_may_end_with_a_slash_or_with_v1_alone() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let models = client.get("/openai/v1/models").await.expect(200).json;
    for path in ["/v1/models", "/v1/models/", "/openai/v1//models", "//openai//v1/models//", "/openai/v1//models?x=1"] {
        assert_eq!(client.get(path).await.expect(200).json, models, "{path}");
    }
    for path in ["/v1/models/vad", "/openai/v1//models/vad/"] {
        assert_eq!(client.get(path).await.expect(200).json, models["data"][0], "{path}");
    }
    let form = form().text("response_format", "diarized_json");
    let request = client.request(Method::POST, "/openai/v1//audio/transcriptions/").multipart(form);
    assert_eq!(Answer::of(request).await.expect(400).json["error"]["param"], "response_format");
    let refused = app.anon().get("/v1/models/").await.expect(401);
    assert_eq!(refused.json["error"]["code"], "invalid_api_key");
    // Nothing else has a second spelling.
    for path in ["//auth/keys", "/auth/keys/", "/health/", "//health", "/v1/audio/transcriptions//stream"] {
        app.anon().get(path).await.expect(401);
    }
}

#[tokio::test]
async fn a_field_that_is_not_acceptable_is_named() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    for (path, field, value) in [
        ("transcriptions", "response_format", "diarized_json"),
        ("transcriptions", "temperature", "2"),
        ("transcriptions", "timestamp_granularities[]", "line"),
        ("transcriptions", "timestamp_granularities[]", "word"),
        ("transcriptions", "timestamp_granularities", "segment,line"),
        ("transcriptions", "timestamp_granularities[0]", "word"),
        ("transcriptions", "stream", "maybe"),
        ("transcriptions", "language", "../x"),
        ("transcriptions", "prompt", "a\u{7}b"),
        ("transcriptions", "file", "second"),
    ] {
        let form = form().text(field, value);
        let answer = send(&client, path, form).await.expect(400);
        let named = if field.starts_with("timestamp") { "timestamp_granularities[]" } else { field };
        assert_eq!(answer.json["error"]["param"], named, "{}", answer.text);
        assert_eq!(answer.json["error"]["type"], "invalid_request_error");
    }
    let twice = form().text("model", "a").text("model", "a");
    assert_eq!(send(&client, "transcriptions", twice).await.expect(400).json["error"]["param"], "model");
    let many = (0..1_000).fold(form(), |form, number| form.text(format!("field_{number}"), "x"));
    assert!(send(&client, "transcriptions", many).await.expect(400).text.contains("1000 parts"));
    let answer = send(&client, "transcriptions", Form::new().text("model", "whisper-1")).await.expect(400);
    let error = json!({"message": "The request is not acceptable: file is required", "type": "invalid_request_error",
        "param": "file", "code": "invalid_request"});
    assert_eq!(answer.json["error"], error);
    assert_eq!(client.get("/v1/audio/transcriptions").await.expect(200).json, json!([]), "no job was made");
}

fn form() -> Form {
    Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"))
}

async fn send(client: &Client, path: &str, form: Form) -> Answer {
    Answer::of(client.request(Method::POST, &format!("/openai/v1/audio/{path}")).multipart(form)).await
}
