//! What an engine does not do is said, and refused where nothing else would be left.

use super::gateway;
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    engine_server::{Answers, EngineServer},
    raw::Raw,
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

const TRANSCRIPTIONS: &str = "/openai/v1/audio/transcriptions";
const TRANSLATIONS: &str = "/openai/v1/audio/translations";

/// A gateway whose engine is a command with these words.
async fn commanded(words: &str) -> (App, Client) {
    let app = Start::default().set("DALSTON_ENGINE_COMMAND", words).working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    (app, client)
}

fn form() -> Form {
    Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"))
}

async fn send(client: &Client, path: &str, form: Form) -> Answer {
    Answer::of(client.request(Method::POST, path).multipart(form)).await
}

#[tokio::test]
async fn a_translation_that_cannot_be_made_is_refused_before_it_is_sent() {
    let (command, _) = commanded("echo hello {audio}").await;
    for app in [App::start().await, command] {
        let client = app.key("jobs:read,jobs:write").await;
        let mut raw = Raw::connect(app.address).await;
        raw.send(format!(
            "POST {TRANSLATIONS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n",
            app.address,
            client.secret.as_ref().unwrap()
        ))
        .await;
        let reply = raw.reply().await;
        let error = &reply.json["error"];
        assert_eq!((reply.code, &error["type"]), (400, &json!("invalid_request_error")));
        assert!(error["message"].as_str().unwrap().starts_with("The engine cannot translate"), "{error}");
        // Whoever may not ask is told that, and nothing of the engine.
        let reader = app.key("jobs:read").await;
        send(&reader, TRANSLATIONS, form()).await.expect(403);
        send(&app.anon(), TRANSLATIONS, form()).await.expect(401);
    }
    let (_app, client) = commanded("echo {task} {audio}").await;
    let text = send(&client, TRANSLATIONS, form()).await.expect(200).json["text"].clone();
    assert!(text.as_str().unwrap().starts_with("translate /"), "{text}");
}

#[tokio::test]
async fn a_server_without_translations_refuses_them_once_and_for_all() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    for status in [404, 405, 501] {
        server.answers([Answers::Raw(status, "no such route".to_owned())]);
        let answer = send(&client, TRANSLATIONS, form()).await.expect(400);
        assert_eq!(answer.json["error"]["message"], "The engine cannot translate", "{status}");
    }
    assert_eq!(server.heard().len(), 3, "each was asked for once");
}

#[tokio::test]
async fn a_command_is_not_failed_for_what_it_does_not_take_and_that_is_said() {
    let (_app, client) = commanded("echo hello {audio}").await;
    let asked = || form().text("model", "Systran/faster-whisper-small").text("language", "zh_CN").text("prompt", "Hi.");
    let answer = send(&client, TRANSCRIPTIONS, asked().text("temperature", "0.5").text("x", "y")).await.expect(200);
    assert!(answer.json["text"].as_str().unwrap().starts_with("hello "), "{}", answer.text);
    assert_eq!(answer.header("x-dalston-ignored"), "x, model, language, prompt, temperature");
    let answer = send(&client, "/v1/audio/transcriptions?wait=60", asked()).await.expect(201);
    assert_eq!(answer.header("x-dalston-ignored"), "model, language, prompt");
    assert_eq!(answer.json["status"], "completed", "{}", answer.text);
    // Times of words that it does not tell.
    let words = form().text("response_format", "verbose_json").text("timestamp_granularities[]", "word");
    let answer = send(&client, TRANSCRIPTIONS, words).await.expect(200);
    assert_eq!((answer.header("x-dalston-ignored"), &answer.json["words"]), ("timestamp_granularities", &json!([])));
    let (_app, client) = commanded("echo {model} {language} {prompt} {audio}").await;
    let answer = send(&client, TRANSCRIPTIONS, asked().text("response_format", "text")).await.expect(200);
    assert!(answer.text.starts_with("Systran/faster-whisper-small zh_CN Hi. /"), "{}", answer.text);
    assert_eq!(answer.header("x-dalston-ignored"), "");
    let answer = send(&client, TRANSCRIPTIONS, form().text("language", "auto")).await.expect(200);
    assert_eq!(answer.header("x-dalston-ignored"), "", "what detects the language was not asked for one");
}

#[tokio::test]
async fn without_an_engine_every_answer_says_why_there_is_no_text() {
    let app = Start::default().working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    for format in ["json", "verbose_json", "text", "srt", "vtt"] {
        let answer = send(&client, TRANSCRIPTIONS, form().text("response_format", format)).await.expect(200);
        assert!(answer.header("x-dalston-note").starts_with("No transcription engine is configured"), "{format}");
        let said = answer.json["note"].as_str().is_some_and(|note| note == answer.header("x-dalston-note"));
        assert_eq!(said, format.ends_with("json"), "{}", answer.text);
    }
    let stream = client.request(Method::POST, TRANSCRIPTIONS).multipart(form().text("stream", "true"));
    let events = stream.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("\"text\":\"\",\"note\":\"No transcription engine"), "{events}");
    let words = form().text("timestamps", "word").text("model", "whisper-1");
    let job = send(&client, "/v1/audio/transcriptions?wait=60", words).await.expect(201);
    assert_eq!(job.header("x-dalston-ignored"), "model, timestamps");
    assert!(job.json["result"]["note"].as_str().unwrap().contains("DALSTON_ENGINE_COMMAND"), "{}", job.text);
    let id = job.json["id"].as_str().unwrap();
    for format in ["srt", "txt", "json"] {
        let path = format!("/v1/audio/transcriptions/{id}/export/{format}");
        let answer = client.get(&path).await.expect(200);
        assert!(answer.header("x-dalston-note").starts_with("No transcription engine is configured"), "{format}");
    }
}
