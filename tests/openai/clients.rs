//! The official clients, in processes of their own.

use super::gateway;
use kit::{
    app::App,
    engine_server::{EngineServer, MODELS, TEXT},
    openai::{CLIENTS, Official},
    wav,
};
use serde_json::{Value, json};

/// What a client was told.
async fn told(client: Official, app: &App, secret: &str, mode: &str) -> Value {
    client.told(app, &wav::tone(1), secret, mode).await
}

#[tokio::test]
async fn they_transcribe_and_translate_in_every_format_with_a_key_of_ours() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let key = app.key("jobs:read,jobs:write").await;
    for client in CLIENTS {
        let told = told(client, &app, key.secret.as_ref().unwrap(), "everything").await;
        assert_eq!(told["json"]["text"], TEXT, "{client:?}");
        assert_eq!(told["text"], format!("{TEXT}\n"));
        let srt = "1\n00:00:01,001 --> 00:00:02,250\nGood morning.\n\n\
            2\n00:00:03,500 --> 00:00:05,000\nNobody knows <what> happens & why.\n";
        assert_eq!(told["srt"], srt);
        let vtt = "WEBVTT\n\n00:00:01.001 --> 00:00:02.250\nGood morning.\n\n\
            00:00:03.500 --> 00:00:05.000\nNobody knows &lt;what&gt; happens &amp; why.\n";
        assert_eq!(told["vtt"], vtt);
        let verbose = &told["verbose_json"];
        assert_eq!((&verbose["text"], &verbose["language"]), (&json!(TEXT), &json!("english")));
        assert_eq!((verbose["duration"].as_f64(), &verbose["task"]), (Some(1.0), &json!("transcribe")));
        assert_eq!(verbose["segments"][1]["text"], "Nobody knows <what> happens & why.");
        assert_eq!((&verbose["segments"][1]["id"], &verbose["segments"][1]["start"]), (&json!(1), &json!(3.5)));
        assert!((verbose["segments"][1]["avg_logprob"].as_f64().unwrap() + 0.25).abs() < 1e-9);
        assert!(verbose["words"].is_null(), "{verbose}");
        let word = &told["words"]["words"][2];
        assert_eq!(
            (word["word"].as_str(), word["start"].as_f64(), word["end"].as_f64()),
            (Some("Nobody"), Some(3.5), Some(4.0))
        );
        assert_eq!(told["words"]["segments"].as_array().unwrap().len(), 2);
        let stream = told["stream"].as_array().unwrap();
        assert_eq!(stream[0]["delta"], "Good morning.");
        assert_eq!(stream[1]["delta"], " Nobody knows <what> happens & why.");
        assert_eq!((&stream[2]["type"], &stream[2]["text"]), (&json!("transcript.text.done"), &json!(TEXT)));
        assert_eq!(told["translation"]["text"], TEXT);
        assert_eq!(told["translation_text"], format!("{TEXT}\n"));
        assert_eq!((&told["models"], &told["model"]), (&json!(MODELS), &json!(MODELS[0])));
        for (what, kind, status, code, param) in [
            ("unknown_model", "NotFoundError", 404, "model_not_found", Value::Null),
            ("diarized", "BadRequestError", 400, "invalid_request", json!("response_format")),
            ("no_audio", "BadRequestError", 400, "unsupported_media", Value::Null),
        ] {
            let wanted = json!({"kind": kind, "status": status, "code": code, "type": "invalid_request_error",
                "param": param});
            assert_eq!(told[what], wanted, "{client:?}: {what}");
        }
    }
    let words = server.heard().into_iter().find(|heard| heard.all("prompt") == ["Hi."]).unwrap();
    assert_eq!((words.all("language"), words.all("temperature")), (vec!["en"], vec!["0.5"]));
    assert_eq!((words.filename.as_str(), words.audio), ("talk.wav", wav::tone(1)));
}

#[tokio::test]
async fn they_understand_why_a_key_is_refused() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let wrong = "dk_0123456789012345678901234567890123456789012345678";
    let reader = app.key("jobs:read").await;
    let limited = app.key_of("default", "jobs:read", |mut ask| {
        ask.rate_limit = Some(1.try_into().unwrap());
        ask
    });
    let limited = limited.await;
    for client in CLIENTS {
        let told = |secret, mode| told(client, &app, secret, mode);
        let refused = told(wrong, "refused").await;
        for what in ["models", "transcribe"] {
            let wanted = json!({"kind": "AuthenticationError", "status": 401, "code": "invalid_api_key",
                "type": "invalid_request_error", "param": null});
            assert_eq!(refused[what], wanted, "{client:?}");
        }
        let refused = told(reader.secret.as_ref().unwrap(), "refused").await;
        assert_eq!(refused["models"], Value::Null);
        assert_eq!(refused["transcribe"]["kind"], "PermissionDeniedError");
        assert_eq!(refused["transcribe"]["code"], "insufficient_scope");
        app.clock.advance(std::time::Duration::from_secs(61));
        let refused = told(limited.secret.as_ref().unwrap(), "limited").await;
        assert_eq!(refused["first"], json!(MODELS));
        assert_eq!(refused["second"]["kind"], "RateLimitError", "{client:?}");
        assert_eq!(refused["second"]["code"], "rate_limit_exceeded");
    }
    assert!(server.heard().is_empty());
}
