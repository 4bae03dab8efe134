//! How long audio is, whatever its header says: what is reserved, metered and refused.

use super::{PATH, ended};
use dalston_engine::{DecoderProgram, Decoders, Engine, EngineCommand, Vad};
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    flac,
    program::program,
    stores, wav,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

/// Files whose headers say another length, or none; and the seconds that a decoder finds in them.
const LIARS: [(&str, &[u8], f64); 6] = [
    ("fragmented MP4", include_bytes!("../../fixtures/safari-fragmented.mp4"), 1.792),
    ("FLAC of one sample", include_bytes!("../../fixtures/flac-says-1-sample.flac"), 1.6),
    ("WAV of 2e9 bytes", include_bytes!("../../fixtures/wav-size-2e9.wav"), 1.6),
    ("WAV without a size", include_bytes!("../../fixtures/wav-size-ffffffff.wav"), 1.6),
    ("MP3 of a changing rate", include_bytes!("../../fixtures/vbr-no-xing.mp3"), 1.646),
    ("WebM of a browser", include_bytes!("../../fixtures/mediarecorder.webm"), 1.6),
];

/// An engine that prints this, whatever the audio.
fn printing(text: &str) -> Arc<dyn Engine> {
    let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    Arc::new(EngineCommand::new(vec!["echo".to_owned(), text.to_owned()], None, environment))
}

async fn serving(engine: Arc<dyn Engine>) -> (App, Client) {
    let app = Start::default().engine(engine).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    (app, client)
}

/// Limits the day of a key.
async fn limit(app: &App, key: &Client, seconds: u32) {
    let path = format!("/auth/keys/{}/quota", key.id.unwrap());
    let admin = app.key("admin").await;
    Answer::of(admin.request(Method::PUT, &path).json(&json!({"seconds_per_day": seconds}))).await.expect(200);
}

/// Seconds of jobs that are metered for a key.
async fn metered(app: &App, key: &Client) -> f64 {
    let usage = app.key("admin").await.get(&format!("/auth/keys/{}/usage", key.id.unwrap())).await.expect(200);
    usage.json["days"][0]["audio_seconds"]["jobs"].as_f64().unwrap_or_default()
}

/// Uploads, and waits for the end.
async fn done(client: &Client, bytes: &[u8]) -> Value {
    let made = client.upload(bytes.to_vec(), "a").await.expect(201);
    ended(client, &format!("{PATH}/{}", made.json["id"].as_str().unwrap())).await.json
}

fn near(seconds: f64, right: f64) -> bool {
    (seconds - right).abs() <= right / 100.0
}

#[tokio::test]
async fn what_is_metered_is_what_was_there() {
    // It tells no length, as whisper.cpp does not; or a wrong one.
    for said in [include_str!("../../fixtures/engine-whispercpp.json"), r#"{"text": "a", "duration": 2678400}"#] {
        let (app, _) = serving(printing(said)).await;
        for (name, bytes, right) in LIARS {
            let key = app.key("jobs:read,jobs:write").await;
            let job = done(&key, bytes).await;
            assert_eq!(job["status"], "completed", "{name}: {job}");
            let (audio, result) = (&job["audio"]["duration_seconds"], &job["result"]["duration"]);
            assert!(near(audio.as_f64().unwrap(), right) && audio == result, "{name}: {audio}, {result}");
            let metered = metered(&app, &key).await;
            assert!(near(metered, right), "{name}: {metered}");
        }
    }
}

#[tokio::test]
async fn what_the_built_in_detection_heard_is_metered() {
    let program = DecoderProgram::at(program("dalston-gateway"));
    let vad = Vad::new(Arc::new(Decoders::new(Some(program), Duration::from_hours(1))));
    let (app, _) = serving(Arc::new(vad)).await;
    for (name, bytes, right) in &LIARS[..2] {
        let key = app.key("jobs:read,jobs:write").await;
        assert_eq!(done(&key, bytes).await["status"], "completed", "{name}");
        let metered = metered(&app, &key).await;
        assert!(near(metered, *right), "{name}: {metered}");
    }
}

#[tokio::test]
async fn a_day_ends_whatever_the_headers_say() {
    let app = Start::default().set("DALSTON_JOBS_PER_NODE", "0").on(stores::memory().await).start().await;
    for (name, bytes, _) in LIARS {
        let key = app.key("jobs:write").await;
        limit(&app, &key, 6).await;
        for _ in 0..3 {
            key.upload(bytes.to_vec(), "a").await.expect(201);
        }
        let refused = key.upload(bytes.to_vec(), "a").await;
        assert_eq!(refused.code(), 429, "{name}: {}", refused.text);
    }
}

#[tokio::test]
async fn an_error_of_the_engine_fails_the_job_and_meters_nothing() {
    for (said, error) in [
        (include_str!("../../fixtures/engine-200-error.json"), "The engine gave an error instead of a transcript"),
        ("{}", "The engine gave no transcript"),
        ("", "The engine gave no transcript"),
        (r#"{"progress": 1}"#, "The engine gave no transcript"),
    ] {
        let (app, client) = serving(printing(said)).await;
        let job = done(&client, &wav::tone(1)).await;
        assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!(error)), "{said}");
        assert_eq!(metered(&app, &client).await, 0.0, "{said}");
    }
    let (app, client) = serving(printing(r#"{"text": ""}"#)).await;
    let job = done(&client, &wav::tone(1)).await;
    assert_eq!((&job["status"], &job["result"]["text"]), (&json!("completed"), &json!("")));
    assert_eq!(metered(&app, &client).await, 1.0);
}

#[tokio::test]
async fn audio_that_is_too_long_is_refused_at_the_upload() {
    let app = Start::default().set("DALSTON_MAX_AUDIO_SECONDS", "2").start().await;
    let client = app.key("jobs:read,jobs:write").await;
    client.upload(wav::tone(2), "a.wav").await.expect(201);
    let refused = client.upload(wav::tone(3), "a.wav").await.expect(422);
    assert_eq!(refused.json["errors"][0]["detail"], "must hold at most 2 seconds of audio");
    assert_eq!(client.get(PATH).await.expect(200).json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn hours_in_a_few_bytes_are_refused_at_the_upload() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    // Nearly a day of silence in 140 kilobytes; a minute is taken.
    let refused = client.upload(flac::silence(10_000, 8_000), "a.flac").await.expect(415);
    assert_eq!(refused.json["detail"], "The audio is too long for the size of its file");
    client.upload(flac::silence(8, 8_000), "a.flac").await.expect(201);
    // Frames of a day each, at a rate of one sample a second.
    client.upload(flac::silence(10, 1), "a.flac").await.expect(415);
    assert_eq!(client.get(PATH).await.expect(200).json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_transcript_is_for_nobody_else_to_read() {
    let (app, client) = serving(printing(r#"{"text": "a"}"#)).await;
    assert_eq!(done(&client, &wav::tone(1)).await["status"], "completed");
    let results: Vec<_> = fs::read_dir(app.data.path().join("results")).unwrap().map(Result::unwrap).collect();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
