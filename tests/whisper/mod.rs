//! A real Whisper writes down what espeak-ng says: as a command, as a server, as a worker of streams.

use kit::{
    app::{App, Start},
    client::{Answer, Client},
    openai::Official,
    process::eventually,
    socket::Socket,
    wav,
    whisper::{Whisper, command, place},
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

/// What is said. Whisper base hears it right at every rate and with every search.
const SENTENCES: [&str; 2] = ["Please open the window and close the door.", "My name is Peter and I live in London."];

#[tokio::test]
async fn a_command_gives_jobs_their_text() {
    let _place = place().await;
    let app = Start::default().set("DALSTON_ENGINE_COMMAND", &command()).working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    gives_text(&client).await;
    let job = transcribe(&client, [wav::header(64_000), vec![0; 64_000]].concat(), &[]).await;
    assert_eq!((&job["status"], &job["result"]["text"]), (&json!("completed"), &json!("")), "{job}");
    let job = transcribe(&client, wav::tone(1), &[("language", "tlh")]).await;
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("The engine could not transcribe the audio"))
    );
}

#[tokio::test]
async fn a_server_gives_jobs_and_the_official_client_their_text() {
    let server = Whisper::start("server.py", &[], "").await;
    let app = Start::default().set("DALSTON_ENGINE_URL", &server.url).working().start().await;
    let client = app.key("jobs:read,jobs:write").await;
    gives_text(&client).await;
    let (audio, times) = wav::said(SENTENCES);
    let told = Official::Python.told(&app, &audio, client.secret.as_ref().unwrap(), "speech").await;
    assert_eq!(words(&told["json"]["text"]), said());
    assert_eq!((words(&told["words"]["text"]), &told["words"]["language"]), (said(), &json!("en")));
    are_timed(&told["words"]["words"], times);
    let events = told["stream"].as_array().unwrap();
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    let done = events.last().unwrap();
    assert_eq!((&done["type"], words(&done["text"])), (&json!("transcript.text.done"), said()));
    assert_eq!(words(&json!(deltas)), said());
}

#[tokio::test]
async fn a_worker_says_what_is_said_while_it_is_said() {
    let app = App::start().await;
    let key = app.key("worker").await;
    let arguments = ["--gateway", &app.url, "--name", "ears"];
    let _worker = Whisper::start("stream.py", &arguments, key.secret.as_ref().unwrap()).await;
    eventually("it registers", async || key.get("/v1/workers").await.expect(200).ids() == ["ears"]).await;
    let bearer = format!("Bearer {}", app.key("realtime").await.secret.unwrap());
    let query = "?language=en&sample_rate=22050";
    let mut socket = Socket::open(app.address, query, &[("authorization", &bearer)]).await.unwrap();
    let (audio, times) = wav::said(SENTENCES);
    // Second by second; the header is none of the audio. The first two end in the middle of the first sentence.
    let mut seconds = audio[44..].chunks(22_050 * 2);
    for second in seconds.by_ref().take(2) {
        socket.play(second).await;
    }
    let partial = socket.until("transcript.partial").await.pop().unwrap();
    assert_eq!(words(&partial["text"])[0], said()[0], "{partial}");
    for second in seconds {
        socket.play(second).await;
    }
    socket.say(r#"{"type":"end"}"#).await;
    let heard = socket.until("session.end").await;
    let finals: Vec<&Value> = heard.iter().filter(|said| said["type"] == "transcript.final").collect();
    let texts: Vec<Vec<String>> = finals.iter().map(|one| words(&one["text"])).collect();
    assert_eq!(texts, SENTENCES.map(|sentence| words(&json!(sentence))));
    let timed: Value = finals.iter().flat_map(|one| one["words"].as_array().unwrap().clone()).collect();
    are_timed(&timed, times);
    let end = heard.last().unwrap();
    assert_eq!((words(&end["transcript"]), end["segments"].as_array().unwrap().len()), (said(), 2), "{end}");
    assert_eq!(socket.closed().await.0, 1000);
}

/// A job has the text, words with their times, and subtitles.
async fn gives_text(client: &Client) {
    let (audio, times) = wav::said(SENTENCES);
    let job = transcribe(client, audio, &[("timestamps", "word")]).await;
    assert_eq!(job["status"], "completed", "{job}");
    let result = &job["result"];
    assert_eq!((words(&result["text"]), &result["language"]), (said(), &json!("en")));
    are_timed(&result["words"], times);
    for (format, first) in [("srt", "1\n00:00:"), ("vtt", "WEBVTT\n\n00:00:")] {
        let path = format!("/v1/audio/transcriptions/{}/export/{format}", job["id"].as_str().unwrap());
        let shown = client.get(&path).await.expect(200).text;
        assert!(shown.starts_with(first), "{shown}");
        let is_text = |line: &&str| line.chars().any(char::is_alphabetic) && *line != "WEBVTT";
        let text: Vec<&str> = shown.lines().filter(is_text).collect();
        assert_eq!(words(&json!(text.join(" "))), said(), "{shown}");
        assert_eq!(shown.matches(" --> ").count(), result["segments"].as_array().unwrap().len());
    }
}

/// The job of this audio, when it has ended.
async fn transcribe(client: &Client, audio: Vec<u8>, options: &[(&'static str, &'static str)]) -> Value {
    let form = Form::new().part("file", Part::bytes(audio).file_name("talk.wav"));
    let form = options.iter().fold(form, |form, (name, value)| form.text(*name, *value));
    let asked = client.request(Method::POST, "/v1/audio/transcriptions?wait=60").multipart(form);
    let mut job = Answer::of(asked).await.expect(201).json;
    while job["completed_at"].is_null() {
        let path = format!("/v1/audio/transcriptions/{}?wait=60", job["id"].as_str().unwrap());
        job = client.get(&path).await.expect(200).json;
    }
    job
}

/// All words that are said.
fn said() -> Vec<String> {
    words(&json!(SENTENCES.join(" ")))
}

/// The words of a text, however it is written.
fn words(text: &Value) -> Vec<String> {
    let text = text.as_str().unwrap_or_else(|| panic!("no text: {text}")).to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// These are all the words, one after another, each where its sentence is: Whisper is a second wrong at most.
fn are_timed(given: &Value, times: [(f64, f64); 2]) {
    let given = given.as_array().unwrap_or_else(|| panic!("no words: {given}"));
    assert_eq!(given.iter().flat_map(|word| words(&word["word"])).collect::<Vec<_>>(), said());
    let first = words(&json!(SENTENCES[0])).len();
    for (at, word) in given.iter().enumerate() {
        let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
        let sentence = times[usize::from(at >= first)];
        assert!(sentence.0 - 1.0 < start && start <= end && end < sentence.1 + 1.0, "{word} is not in {sentence:?}");
    }
}
