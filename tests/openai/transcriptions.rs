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
