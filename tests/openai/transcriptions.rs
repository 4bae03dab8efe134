//! The jobs behind transcripts.

use super::gateway;
use kit::{
    app::Start,
    client::{Answer, Client},
    engine_server::{Answers, EngineServer, TEXT},
    process::eventually,
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

const PATH: &str = "/openai/v1/audio/transcriptions";

fn form() -> Form {
    Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav")).text("model", "whisper-1")
}

async fn send(client: &Client, form: Form) -> Answer {
    Answer::of(client.request(Method::POST, PATH).multipart(form)).await
}

#[tokio::test]
async fn a_transcript_is_a_job_of_the_tenant_with_all_that_a_job_has() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let client = app.key_of("acme", "jobs:read,jobs:write", |ask| ask).await;
    let answer = send(&client, form().text("response_format", "verbose_json")).await.expect(200);
    assert_eq!(answer.json["text"], TEXT);
    let job = client.get(&format!("/v1/audio/transcriptions/{}", answer.header("x-dalston-job"))).await.expect(200);
    assert_eq!((&job.json["status"], &job.json["tenant_id"]), (&json!("completed"), &json!("acme")));
    assert_eq!((&job.json["model"], &job.json["result"]["text"]), (&json!("whisper-1"), &json!(TEXT)));
    let admin = app.key_of("acme", "admin", |ask| ask).await;
    let audit = admin.get("/v1/audit?action=job.created").await.expect(200);
    assert_eq!(audit.json[0]["target"]["id"], answer.header("x-dalston-job"));
    let stranger = app.key("jobs:read,jobs:write").await;
    stranger.get(&format!("/v1/audio/transcriptions/{}", answer.header("x-dalston-job"))).await.expect(404);
}

#[tokio::test]
async fn without_an_engine_the_segments_come_without_text_and_say_so() {
    let app = Start::default().working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let part = Part::bytes(wav::spoken().0).file_name("a.wav");
    let asked = Form::new().part("file", part).text("model", "any").text("response_format", "verbose_json");
    let answer = send(&client, asked).await.expect(200);
    assert_eq!((&answer.json["text"], answer.json["segments"].as_array().unwrap().len()), (&json!(""), 2));
    assert!(answer.json["note"].as_str().unwrap().contains("No transcription engine"));
    let models = client.get("/openai/v1/models").await.expect(200);
    assert_eq!(models.json["data"], json!([{"id": "vad", "object": "model", "created": 0, "owned_by": "vad"}]));
}

/// What the usual clients and those of like servers send beside the file; and which of it is passed over.
const FORMS: [(&[(&str, &str)], &str); 20] = [
    (&[("language", ""), ("prompt", ""), ("temperature", ""), ("response_format", ""), ("stream", "")], ""),
    (&[("model", " "), ("timestamp_granularities[]", ""), ("chunking_strategy", "")], ""),
    (&[("timestamp_granularities", "word"), ("response_format", "verbose_json")], ""),
    (
        &[
            ("timestamp_granularities", "word"),
            ("timestamp_granularities", "segment"),
            ("response_format", "verbose_json"),
        ],
        "",
    ),
    (
        &[
            ("timestamp_granularities[0]", "word"),
            ("timestamp_granularities[1]", "segment"),
            ("response_format", "verbose_json"),
        ],
        "",
    ),
    (&[("timestamp_granularities", "[\"word\", \"segment\"]"), ("response_format", "verbose_json")], ""),
    (&[("timestamp_granularities", "word, segment"), ("response_format", "verbose_json")], ""),
    (&[("timestamp_granularities[]", "segment"), ("response_format", "json")], ""),
    (&[("include[]", "logprobs"), ("include", "logprobs")], ""),
    (&[("chunking_strategy", "auto")], ""),
    (&[("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5")], ""),
    (&[("keywords[]", "Dalston"), ("keywords[]", "Kingsland"), ("languages[]", "en"), ("languages[]", "de")], ""),
    (&[("known_speaker_names[]", "a"), ("known_speaker_references[]", "data:audio/wav;base64,AAAA")], ""),
    (&[("stream", "TRUE"), ("response_format", "verbose_json")], ""),
    (&[("stream", "true"), ("response_format", "srt")], ""),
    (&[("stream", "0")], ""),
    (&[("prompt", "a\tb\r\nc")], ""),
    (&[("vad_filter", "true"), ("hotwords", ""), ("word_timestamps", "1")], "vad_filter, hotwords, word_timestamps"),
    (&[("extra[key]", "x"), ("extra[key]", "y")], "extra"),
    (&[("vad_filter", "true"), ("vad_filter", "true")], "vad_filter"),
];

#[tokio::test]
async fn what_the_usual_clients_send_is_taken_and_what_is_passed_over_is_named() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    for (fields, ignored) in FORMS {
        let file = Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"));
        let form = fields.iter().fold(file, |form, (name, value)| form.text(*name, *value));
        let answer = send(&client, form).await;
        assert_eq!((answer.code(), answer.header("x-dalston-ignored")), (200, ignored), "{fields:?} {}", answer.text);
        let words = fields.iter().any(|(name, value)| name.starts_with("timestamp") && value.contains("word"));
        assert_eq!(answer.json["words"].is_array(), words, "{fields:?} {}", answer.text);
    }
    let file = Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"));
    let translation = file.text("language", "de").text("stream", "true").text("keywords[]", "a");
    let request = client.request(Method::POST, "/openai/v1/audio/translations").multipart(translation);
    let answer = Answer::of(request).await.expect(200);
    assert_eq!(answer.header("x-dalston-ignored"), "language, stream, keywords");
}

#[tokio::test]
async fn of_a_long_prompt_the_end_counts_and_what_is_passed_over_may_be_long() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    for (prompt, heard) in [
        ("x".repeat(4_096), "x".repeat(4_096)),
        (format!("y{}", "x".repeat(4_096)), "x".repeat(4_096)),
        // A character that does not fit as a whole is left out.
        (format!("{}ab", "ü".repeat(100_000)), format!("{}ab", "ü".repeat(2_047))),
        (format!("{}a", "ü".repeat(100_000)), format!("{}a", "ü".repeat(2_047))),
        ("a\rb\r\nc".to_owned(), "a\nb\nc".to_owned()),
    ] {
        send(&client, form().text("prompt", prompt)).await.expect(200);
        assert_eq!(server.last().all("prompt"), [heard]);
    }
    // A reference of a speaker is a file of its own.
    let sample = format!("data:audio/wav;base64,{}", "A".repeat(600_000));
    let many = (0..4).fold(form(), |form, _| form.text("known_speaker_references[]", sample.clone()));
    let many = (0..200).fold(many, |form, number| form.text("keywords[]", format!("word {number}")));
    let answer = send(&client, many.text("hotwords", "x".repeat(100_000))).await.expect(200);
    assert_eq!(answer.header("x-dalston-ignored"), "hotwords");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_job() {
    let server = EngineServer::start();
    server.answers([Answers::Slowly]);
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    let request = tokio::spawn(client.request(Method::POST, PATH).multipart(form()).send());
    server.asked(1).await;
    request.abort();
    let status = async || client.get("/v1/audio/transcriptions").await.json[0]["status"].clone();
    eventually("the job is cancelled", async || status().await == "cancelled").await;
}

#[tokio::test]
async fn a_refusal_of_the_engine_is_told_and_not_to_be_tried_again() {
    let server = EngineServer::start();
    // With segments, and without.
    server.answers([(); 2].map(|()| Answers::Raw(422, "a secret of the engine".to_owned())));
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    let answer = send(&client, form()).await.expect(400);
    let error = json!({"message": "The engine refused the audio or its options", "type": "invalid_request_error",
        "param": null, "code": "invalid_request"});
    assert_eq!(answer.json, json!({ "error": error }));
    assert_eq!(answer.header("x-should-retry"), "false");
}
