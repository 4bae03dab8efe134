//! The official clients, in processes of their own.

use super::{gateway, realtime::Scribe};
use kit::{
    app::{App, Start},
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
        for (what, ignored) in [
            ("documented", Value::Null),
            ("automatic", Value::Null),
            ("empty", Value::Null),
            (
                "extra",
                json!("vad_filter, hotwords, beam_size, word_timestamps, condition_on_previous_text, decoding, stop"),
            ),
        ] {
            assert_eq!(told[what], json!({"text": TEXT, "ignored": ignored}), "{client:?}: {what}");
        }
        assert_eq!(told["unnamed"]["text"], TEXT);
        assert_eq!(told["translation_empty"]["text"], TEXT);
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
async fn they_transcribe_at_our_own_base_url_where_they_name_a_format() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let key = app.key("jobs:read,jobs:write").await;
    for (client, base) in CLIENTS.into_iter().zip(["/v1", "/v1/"]) {
        let (base, secret) = (format!("{}{base}", app.url), key.secret.as_ref().unwrap());
        let told = client.told_at(&base, &app, &wav::tone(1), secret, "beside").await;
        assert_eq!((&told["json"]["text"], &told["text"]), (&json!(TEXT), &json!(format!("{TEXT}\n"))), "{client:?}");
        assert_eq!(told["words"]["words"].as_array().unwrap().len(), 4);
        assert!(
            told["vtt"].as_str().unwrap().starts_with("WEBVTT\n") && told["srt"].as_str().unwrap().starts_with("1\n")
        );
        assert_eq!(told["stream"][2]["text"], TEXT);
        assert_eq!((&told["models"], &told["model"]), (&json!(MODELS), &json!(MODELS[0])));
        assert_eq!(told["no_audio"]["kind"], "BadRequestError");
        assert_eq!(told["no_audio"]["code"], "unsupported_media");
    }
}

#[tokio::test]
async fn they_hold_a_session_in_todays_names_and_in_those_of_the_beta() {
    let app = Start::default().worker(Scribe::default()).start().await;
    let key = app.key("realtime").await;
    let of = |kind: &str| format!("conversation.item.{kind}");
    for client in CLIENTS {
        let told = told(client, &app, key.secret.as_ref().unwrap(), "realtime").await;
        for (what, events) in told.as_object().unwrap() {
            let events = events.as_array().unwrap();
            let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
            let (begins, made) = match what.as_str() {
                "beta" => (["transcription_session.created", "transcription_session.updated"], vec![of("created")]),
                _ => (["session.created", "session.updated"], vec![of("added"), of("done")]),
            };
            assert_eq!(kinds[..2], begins, "{client:?}: {what}");
            let items: Vec<&&str> = kinds.iter().filter(|kind| made.contains(&(**kind).to_owned())).collect();
            assert_eq!(items.len(), made.len(), "{client:?}: {what}: {kinds:?}");
            let completed = events.iter().find(|event| event["transcript"].is_string()).unwrap();
            assert_eq!(completed["transcript"], "hello world.");
            let error = &events.last().unwrap()["error"];
            assert_eq!(error["param"], "session.type");
            assert!(error["message"].as_str().unwrap().starts_with("session.type must be transcription"));
            if what != "beta" {
                assert_eq!(events[0]["session"]["type"], "transcription");
                assert_eq!(events[1]["session"]["audio"]["input"]["transcription"]["language"], "en");
            }
        }
        assert!(told.as_object().unwrap().len() >= 2);
    }
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
