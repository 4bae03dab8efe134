//! Our own upload, where a client of OpenAI's asks it for one of OpenAI's answers.

use super::gateway;
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    engine_server::{EngineServer, MODELS, TEXT},
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

const PATH: &str = "/v1/audio/transcriptions";

fn file() -> Part {
    Part::bytes(wav::tone(1)).file_name("a.wav")
}

async fn send(client: &Client, form: Form) -> Answer {
    Answer::of(client.request(Method::POST, PATH).multipart(form)).await
}

#[tokio::test]
async fn with_a_response_format_the_answer_is_the_transcript_wherever_the_field_stands() {
    let server = EngineServer::start();
    let app = gateway(&server).await;
    let client = app.key("jobs:read,jobs:write").await;
    let granular = |form: Form| form.text("timestamp_granularities[]", "word").text("include[]", "logprobs");
    for form in [
        granular(Form::new().text("response_format", "verbose_json")).part("file", file()),
        granular(Form::new()).part("file", file()).text("response_format", "verbose_json"),
        granular(Form::new().part("file", file())).text("response_format", "verbose_json"),
    ] {
        let answer = send(&client, form.text("vad_filter", "true").text("metadata", "{\"a\":1}")).await.expect(200);
        assert_eq!((&answer.json["text"], answer.header("x-dalston-ignored")), (&json!(TEXT), "vad_filter"));
        assert_eq!(answer.json["words"].as_array().unwrap().len(), 4);
        let job = client.get(&format!("{PATH}/{}", answer.header("x-dalston-job"))).await.expect(200);
        assert_eq!(job.json["metadata"], json!({"a": 1}));
    }
    let text = send(&client, Form::new().part("file", file()).text("response_format", "text")).await.expect(200);
    assert_eq!(text.text, format!("{TEXT}\n"));
    let stream = Form::new().text("stream", "true").part("file", file()).text("response_format", "json");
    let events = client.request(Method::POST, PATH).multipart(stream).send().await.unwrap().text().await.unwrap();
    assert!(events.starts_with("event: transcript.text.delta\n"), "{events}");
    assert_eq!(client.get("/v1/models").await.expect(200).json["data"][0]["id"], MODELS[0]);
}

#[tokio::test]
async fn then_refusals_have_openais_shape_too_and_else_ours() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let form = || Form::new().part("file", file());
    let wrong = send(&client, form().text("response_format", "diarized_json")).await.expect(400);
    assert_eq!(wrong.json["error"]["param"], "response_format");
    let wrong = send(&client, Form::new().text("response_format", "json").text("temperature", "9")).await.expect(400);
    assert_eq!(wrong.json["error"]["param"], "temperature");
    let broken =
        Form::new().part("file", Part::bytes(&b"no audio"[..]).file_name("a.wav")).text("response_format", "json");
    assert_eq!(send(&client, broken).await.expect(400).json["error"]["code"], "unsupported_media");
    for (name, wanted) in [
        ("stream", "is a field of OpenAI's form: give response_format too, or use /openai/v1"),
        ("timestamp_granularities[]", "is a field of OpenAI's form: give response_format too, or use /openai/v1"),
        ("vad_filter", "is not a field of this form"),
    ] {
        // An empty format is none.
        let value = if name == "stream" { "true" } else { "segment" };
        let answer = send(&client, form().text(name, value).text("response_format", " ")).await.expect(422);
        assert_eq!(answer.fields(), [name.trim_end_matches("[]")], "{}", answer.text);
        assert_eq!(answer.json["errors"][0]["detail"], wanted);
    }
    assert_eq!(client.get(PATH).await.expect(200).json, json!([]), "no job was made");
}

#[tokio::test]
async fn a_repeated_upload_gets_the_transcript_of_the_first_job() {
    let app = Start::default().working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let ask = async |format: &'static str| {
        let form = Form::new().text("response_format", format).part("file", file());
        let request = client.request(Method::POST, PATH).header("idempotency-key", "one").multipart(form);
        Answer::of(request).await.expect(200)
    };
    let (first, again) = (ask("json").await, ask("verbose_json").await);
    assert_eq!(first.header("x-dalston-job"), again.header("x-dalston-job"));
    assert_eq!(again.json["task"], "transcribe");
}
