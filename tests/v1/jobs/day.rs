//! Audio whose length nobody can tell at the upload, under a daily limit: the rest of the day is reserved, the job gets no
//! more than that, and what was not used is given back.

use super::{PATH, becomes, ended};
use async_trait::async_trait;
use dalston_engine::{
    DecoderProgram, Decoders, Engine, EngineCommand, EngineError, Sink, StopFlag, Summary, TranscriptionTask, Vad,
};
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    flac,
    program::program,
    wav,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const OVER: &str = "The audio is longer than what is left of today's limit";
const DENSE: &str = "The audio is too long for the size of its file";

/// An engine that begins a job when the test says so.
struct Held {
    engine: Box<dyn Engine>,
    begin: Semaphore,
}

impl Held {
    fn new(engine: impl Engine + 'static) -> Arc<Self> {
        Arc::new(Self { engine: Box::new(engine), begin: Semaphore::new(0) })
    }

    /// The built-in one.
    fn vad() -> Arc<Self> {
        let program = DecoderProgram::at(program("dalston-gateway"));
        Self::new(Vad::new(Arc::new(Decoders::new(Some(program), Duration::from_hours(1)))))
    }

    /// A command that prints this, whatever the audio.
    fn printing(text: &str) -> Arc<Self> {
        let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        Self::new(EngineCommand::new(vec!["echo".to_owned(), text.to_owned()], None, environment))
    }
}

#[async_trait]
impl Engine for Held {
    fn kind(&self) -> &'static str {
        self.engine.kind()
    }

    async fn models(&self) -> Vec<String> {
        self.engine.models().await
    }

    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        stop: StopFlag,
    ) -> Result<Summary, EngineError> {
        self.begin.acquire().await.unwrap().forget();
        self.engine.transcribe(work, sink, stop).await
    }
}

/// Who has the limit.
#[derive(Debug, Clone, Copy)]
enum Of {
    Key,
    Tenant,
}

/// A gateway, and somebody with this limit.
struct Limited {
    app: App,
    key: Client,
    of: Of,
}

impl Limited {
    async fn start(engine: Arc<dyn Engine>, of: Of, seconds: u32) -> Self {
        let app = Start::default().engine(engine).start().await;
        let key = app.key_of("acme", "jobs:read,jobs:write", |ask| ask).await;
        let limit = json!({"seconds_per_day": seconds});
        let quota = match of {
            Of::Key => format!("/auth/keys/{}/quota", key.id.unwrap()),
            Of::Tenant => "/v1/tenants/acme/quota".to_owned(),
        };
        let request = app.master().request(reqwest::Method::PUT, &quota).header("x-dalston-tenant", "acme");
        Answer::of(request.json(&limit)).await.expect(200);
        Self { app, key, of }
    }

    /// What is metered of jobs on this day, and what is left of it, in seconds.
    async fn day(&self) -> (f64, u64) {
        let usage = match self.of {
            Of::Key => format!("/auth/keys/{}/usage", self.key.id.unwrap()),
            Of::Tenant => "/v1/usage".to_owned(),
        };
        let usage = self.app.master().get_with(&usage, &[("x-dalston-tenant", "acme")]).await.expect(200).json;
        let metered = usage["days"][0]["audio_seconds"]["jobs"].as_f64().unwrap_or_default();
        (metered, usage["quota"]["seconds_left_today"].as_u64().unwrap_or_else(|| panic!("{usage}")))
    }

    /// A new job of audio whose length is not known; its path.
    async fn unknown(&self, audio: &[u8]) -> String {
        let made = self.key.upload(audio.to_vec(), "a").await.expect(201).json;
        assert_eq!(made["audio"]["duration_seconds"], Value::Null, "{made}");
        format!("{PATH}/{}", made["id"].as_str().unwrap())
    }

    async fn is_refused(&self, audio: Vec<u8>) {
        let refused = self.key.upload(audio, "a").await.expect(429);
        assert_eq!(refused.json["code"], "rate_limited", "{}", refused.text);
    }

    async fn ended(&self, job: &str) -> Value {
        ended(&self.key, job).await.json
    }
}

/// A tone in a file that holds something else besides: how long it is, cannot be told from outside.
fn hidden(seconds: u32) -> Vec<u8> {
    let mut file = wav::tone(seconds);
    let beside = 200_000_u32 + 4_000 * seconds;
    file.extend_from_slice(b"junk");
    file.extend_from_slice(&beside.to_le_bytes());
    file.resize(file.len() + beside as usize, 0);
    let length = u32::try_from(file.len()).unwrap() - 8;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

#[track_caller]
fn assert_near(seconds: f64, right: f64) {
    assert!((seconds - right).abs() <= right / 100.0, "{seconds} for {right}");
}

#[tokio::test]
async fn the_rest_of_the_day_is_reserved_and_what_was_not_used_is_given_back() {
    let verbose = r#"{"text": "a", "duration": 3.0}"#;
    let segments = r#"{"segments": [{"start": 0, "end": 3.0, "text": "a"}]}"#;
    for of in [Of::Key, Of::Tenant] {
        for engine in [Held::vad(), Held::printing(verbose), Held::printing(segments)] {
            let limited = Limited::start(engine.clone(), of, 10).await;
            // What is gone already is not reserved again.
            limited.key.upload(wav::tone(2), "a").await.expect(201);
            let job = limited.unknown(&hidden(3)).await;
            assert_eq!(limited.day().await, (10.0, 0), "{of:?}");
            limited.is_refused(hidden(1)).await;
            limited.is_refused(wav::tone(1)).await;
            engine.begin.add_permits(9);
            assert_eq!(limited.ended(&job).await["status"], "completed");
            let known = format!("{PATH}?limit=2");
            let known = limited.key.get(&known).await.expect(200).ids()[1].to_owned();
            assert_eq!(limited.ended(&format!("{PATH}/{known}")).await["status"], "completed");
            let (metered, left) = limited.day().await;
            assert_near(metered, 5.0);
            assert_eq!(left, 5);
            limited.key.upload(wav::tone(5), "a").await.expect(201);
            limited.is_refused(wav::tone(1)).await;
        }
    }
}

#[tokio::test]
async fn a_job_ends_where_the_day_does_and_gives_it_back() {
    for of in [Of::Key, Of::Tenant] {
        for engine in [Held::vad(), Held::printing(r#"{"text": "a"}"#)] {
            let limited = Limited::start(engine.clone(), of, 6).await;
            engine.begin.add_permits(1);
            let job = limited.ended(&limited.unknown(&hidden(8)).await).await;
            assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!(OVER)), "{of:?}");
            assert_eq!(limited.day().await, (0.0, 6));
        }
    }
}

#[tokio::test]
async fn an_engine_that_found_more_than_the_day_holds_is_metered_to_its_end() {
    // It reads the file otherwise than the gateway does.
    for said in [
        r#"{"segments": [{"start": 0, "end": 100.0, "text": "a"}]}"#,
        r#"{"text": "a", "duration": 100.0, "segments": [{"start": 0, "end": 100.0, "text": "a"}]}"#,
    ] {
        let engine = Held::printing(said);
        let limited = Limited::start(engine.clone(), Of::Key, 6).await;
        engine.begin.add_permits(1);
        let job = limited.ended(&limited.unknown(&hidden(3)).await).await;
        assert_eq!((&job["status"], &job["result"]["duration"]), (&json!("completed"), &json!(6.0)), "{job}");
        assert_eq!(limited.day().await, (6.0, 0));
        limited.is_refused(wav::tone(1)).await;
    }
}

#[tokio::test]
async fn where_nobody_tells_a_length_the_most_that_the_file_can_hold_is_metered() {
    let audio = hidden(3);
    let most = 600.0 + audio.len() as f64 / 16.0;
    for (limit, metered) in [(6, 6.0), (86_400, most)] {
        let engine = Held::printing(r#"{"text": "a"}"#);
        let limited = Limited::start(engine.clone(), Of::Key, limit).await;
        engine.begin.add_permits(1);
        let job = limited.ended(&limited.unknown(&audio).await).await;
        assert_eq!((&job["status"], &job["result"]["duration"]), (&json!("completed"), &Value::Null), "{job}");
        assert_near(limited.day().await.0, metered);
    }
    // Where there is no limit, nothing was reserved and nothing is metered of it.
    let engine = Held::printing(r#"{"text": "a"}"#);
    engine.begin.add_permits(1);
    let app = Start::default().engine(engine).start().await;
    let key = app.key("jobs:read,jobs:write").await;
    let made = key.upload(audio, "a").await.expect(201);
    ended(&key, &format!("{PATH}/{}", made.json["id"].as_str().unwrap())).await;
    let usage = app.key("admin").await.get("/v1/usage").await.expect(200);
    assert_eq!(usage.json["days"], json!([]));
}

#[tokio::test]
async fn more_than_a_file_of_its_size_can_hold_ends_the_job_unless_the_day_ends_before() {
    // Hours of silence in a few bytes, behind a block of padding that is larger than all of them.
    let mut audio = flac::silence(2_000, 8_000);
    audio[4] = 0;
    let padding = [&[0x81, 0x03, 0x0d, 0x40][..], &[0; 200_000]].concat();
    audio.splice(42..42, padding);
    for (limit, error) in [(86_400, DENSE), (60, OVER)] {
        let engine = Held::vad();
        let limited = Limited::start(engine.clone(), Of::Key, limit).await;
        engine.begin.add_permits(1);
        let job = limited.ended(&limited.unknown(&audio).await).await;
        assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!(error)));
        assert_eq!(limited.day().await, (0.0, limit.into()));
    }
}

#[tokio::test]
async fn a_limit_that_is_set_while_the_job_waits_counts_for_it() {
    let engine = Held::vad();
    let app = Start::default().set("DALSTON_JOBS_PER_NODE", "1").engine(engine.clone()).start().await;
    let key = app.key("jobs:read,jobs:write").await;
    let path = |made: &Answer| format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    let first = path(&key.upload(wav::tone(1), "a").await.expect(201));
    let second = path(&key.upload(hidden(8), "a").await.expect(201));
    becomes(&key, &first, "running").await;
    app.key("admin")
        .await
        .put(&format!("/auth/keys/{}/quota", key.id.unwrap()), json!({"seconds_per_day": 6}))
        .await
        .expect(200);
    engine.begin.add_permits(2);
    assert_eq!(ended(&key, &second).await.json["error"], OVER);
}
