//! Audio and results in an S3 that others wrote, which is away now and then.

use super::{PATH, becomes, ended, upload, working_with};
use dalston_model::{ManualClock, Timestamp};
use kit::{
    app::{App, Start},
    client::{Answer, Client},
    patience::eventually,
    process::{Launch, files},
    scribe::{Scribe, Turn},
    servers::{Moto, User},
    wav,
};
use reqwest::{Method, multipart::Form};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Seconds of audio that are more than one part: 11.5 MB.
const LONG: u32 = 360;

/// A gateway on the server, whose engine does these turns, and tries each job once.
async fn working_on(moto: &Moto, turns: &[Turn]) -> (App, Arc<Scribe>, Client) {
    let settings = moto.settings(&moto.user("*").await);
    let start = settings.iter().fold(Start::default(), |start, (variable, value)| start.set(variable, value));
    // Later than whatever the server wrote.
    let clock = ManualClock::new(Timestamp::from_secs(4_000_000_000));
    working_with(start.clock(clock).set("DALSTON_JOB_ATTEMPTS", "1"), turns).await
}

/// The name of a job's audio, or of the transcript of its first attempt.
fn named(folder: &str, job: &str) -> String {
    let id = job.rsplit('/').next().unwrap();
    let ending = if folder == "results" { ".1.default" } else { "" };
    format!("some/prefix/{folder}/{id}{ending}")
}

fn assert_outage(answer: &Answer) {
    assert_eq!((answer.code(), answer.problem()), (503, "unavailable"), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", answer.headers);
}

async fn audio_store(client: &Client) -> (String, String) {
    let status = client.get("/status").await.expect(200).json;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("not told").to_owned();
    (text(&status["status"]), text(&status["components"]["audio_store"]))
}

#[tokio::test]
async fn a_real_s3_keeps_audio_and_results_and_nothing_of_what_was_purged() {
    let moto = Moto::start().await;
    let (app, scribe, client) = working_on(&moto, &[Turn::Writes(2), Turn::Writes(0)]).await;
    assert_eq!(audio_store(&client).await.1, "not told");
    let audio = wav::tone(LONG);
    let made = client.upload(audio.clone(), "a.wav").await.expect(201);
    let long = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    assert_eq!(ended(&client, &long).await.json["result"]["text"], "word 0 word 1");
    // A transcript of no bytes at all.
    let silent = upload(&client).await;
    assert_eq!(ended(&client, &silent).await.json["result"]["text"], "");
    assert_eq!(scribe.count(), 2);
    let mut names =
        [named("audio", &long), named("results", &long), named("audio", &silent), named("results", &silent)];
    names.sort();
    assert_eq!(moto.names().await, names);
    assert_eq!(moto.size(&named("audio", &long)).await, audio.len());
    for (format, holds) in [("txt", "word 0 word 1\n"), ("srt", "00:00:01,000 --> 00:00:01,500"), ("vtt", "WEBVTT")] {
        let exported = client.get(&format!("{long}/export/{format}")).await.expect(200);
        assert!(exported.text.contains(holds), "{format}: {}", exported.text);
    }
    assert_eq!(client.get(&format!("{silent}/export/json")).await.expect(200).json["segments"], json!([]));
    assert_eq!(audio_store(&client).await, ("healthy".to_owned(), "ok".to_owned()));
    client.delete(&format!("{long}?purge=true")).await.expect(200);
    client.delete(&format!("{silent}?purge=true")).await.expect(200);
    assert_eq!(moto.names().await, [""; 0]);
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
}

#[tokio::test]
async fn jobs_that_are_kept_no_longer_and_what_no_job_has_go_from_a_real_s3() {
    let moto = Moto::start().await;
    let (app, _, client) = working_on(&moto, &[Turn::Writes(1)]).await;
    let (old, kept) = (upload(&client).await, upload(&client).await);
    ended(&client, &old).await;
    ended(&client, &kept).await;
    // The row goes, what it had stays: the line is broken while it is purged.
    moto.line.breaks();
    client.delete(&format!("{old}?purge=true")).await.expect(200);
    client.get(&old).await.expect(404);
    assert_eq!(moto.names().await.len(), 4);
    moto.line.mends();
    app.runtime.services.jobs.recover().await.unwrap();
    assert_eq!(moto.names().await, [named("audio", &kept), named("results", &kept)]);
    app.master().patch("/v1/tenants/default", json!({"retention_days": 1})).await.expect(200);
    app.clock.advance(Duration::from_hours(25));
    app.runtime.services.dispatcher.tidy().await.unwrap();
    assert_eq!(moto.names().await, [""; 0]);
}

#[tokio::test]
async fn an_upload_that_an_outage_cuts_off_is_503_and_can_be_repeated() {
    let moto = Moto::start().await;
    let (app, _, client) = working_on(&moto, &[Turn::Writes(1)]).await;
    let audio = wav::tone(LONG);
    let repeated = async || {
        let form = Form::new().part("file", reqwest::multipart::Part::bytes(audio.clone()).file_name("a.wav"));
        Answer::of(client.request(Method::POST, PATH).header("idempotency-key", "one").multipart(form)).await
    };
    // Before the first byte, in the first part, in a later one.
    for bytes in [0, 100_000, 8_000_000] {
        moto.line.breaks_after(bytes);
        assert_outage(&repeated().await);
        moto.line.broken().await;
        assert_eq!(client.get(PATH).await.expect(200).ids(), [""; 0]);
        assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
        assert_eq!(audio_store(&client).await, ("degraded".to_owned(), "down".to_owned()));
        moto.line.mends();
        assert_eq!(moto.names().await, [""; 0]);
    }
    let made = repeated().await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    assert_eq!(ended(&client, &job).await.json["status"], "completed");
    assert_eq!(repeated().await.expect(201).json["id"], made.json["id"]);
    assert_eq!(audio_store(&client).await, ("healthy".to_owned(), "ok".to_owned()));
}

#[tokio::test]
async fn an_outage_before_and_after_the_engine_costs_a_job_neither_its_attempt_nor_its_transcript() {
    let moto = Moto::start().await;
    let (_app, scribe, client) = working_on(&moto, &[Turn::Holds]).await;
    // The audio goes there whole, and breaks off on its way back.
    let audio = wav::tone(LONG);
    moto.line.breaks_after(audio.len() + audio.len() / 2);
    let made = client.upload(audio, "a.wav").await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    moto.line.broken().await;
    becomes(&client, &job, "running").await;
    assert_eq!(scribe.count(), 0);
    moto.line.mends();
    eventually("the engine has it", async || scribe.count() == 1).await;
    // The engine ends while nothing can be kept.
    moto.line.breaks();
    scribe.let_go_on(1);
    eventually("it is missed", async || audio_store(&client).await.1 == "down").await;
    assert_eq!(client.get(&job).await.expect(200).json["status"], "running");
    moto.line.mends();
    assert_eq!(ended(&client, &job).await.json["result"]["text"], "word 0 word 1");
    assert_eq!(scribe.count(), 1, "what it found is kept");
    assert!(moto.names().await.contains(&named("results", &job)), "by the first attempt");
}

#[tokio::test]
async fn a_job_that_waits_for_the_bucket_can_be_cancelled() {
    let moto = Moto::start().await;
    let (_app, scribe, client) = working_on(&moto, &[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("the engine has it", async || scribe.count() == 1).await;
    moto.line.breaks();
    scribe.let_go_on(1);
    eventually("it is missed", async || audio_store(&client).await.1 == "down").await;
    client.delete(&job).await.expect(200);
    assert_eq!(ended(&client, &job).await.json["status"], "cancelled");
}

#[tokio::test]
async fn a_transcript_that_an_outage_cuts_off_is_503_and_never_404() {
    let moto = Moto::start().await;
    let (_app, _, client) = working_on(&moto, &[Turn::Writes(20_000), Turn::Writes(2)]).await;
    let long = upload(&client).await;
    ended(&client, &long).await;
    let short = upload(&client).await;
    ended(&client, &short).await;
    let export = format!("{long}/export/txt");
    let whole = client.get(&export).await.expect(200).text;
    // Before the first byte, and in the middle: an answer that has begun would look whole.
    for bytes in [0, 700_000] {
        moto.line.breaks_after(bytes);
        assert_outage(&client.get(&export).await);
        moto.line.broken().await;
        let shown = client.get(&short).await.expect(200).json;
        assert_eq!((&shown["status"], &shown["result"]["segment_count"]), (&json!("completed"), &json!(2)));
        moto.line.mends();
    }
    assert_eq!(client.get(&export).await.expect(200).text, whole);
    // No bucket is an outage of it, and so is a transcript that is not where it was kept.
    moto.remove_bucket().await;
    assert_outage(&client.get(&export).await);
    assert_outage(&client.upload(wav::tone(1), "a.wav").await);
    assert_eq!(client.get(&short).await.expect(200).json["status"], "completed");
    assert_eq!(audio_store(&client).await, ("degraded".to_owned(), "down".to_owned()));
    moto.make_bucket().await;
    assert_outage(&client.get(&export).await);
    let made = upload(&client).await;
    assert_eq!(ended(&client, &made).await.json["status"], "completed");
}

// The line is carried while the test waits for a process.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_missing_or_forbidden_stops_the_start_with_what_to_do() {
    let moto = Moto::start().await;
    let all = moto.user("*").await;
    let launch = |user: &User| {
        let settings = moto.settings(user);
        settings.iter().fold(Launch::new(), |launch, (variable, value)| launch.set(variable, value))
    };
    let refused = |launch: Launch, named: &[&str]| {
        let ended = launch.refused();
        assert_eq!(ended.code, Some(1), "{}", ended.text());
        for name in ["DALSTON_AUDIO_STORE"].iter().chain(named) {
            assert!(ended.text().contains(name), "{name} in {}", ended.text());
        }
        assert!(!launch.data().join("admin.key").exists(), "no key was made");
    };
    refused(launch(&all).set("DALSTON_AUDIO_STORE", "s3://another"), &["no such bucket"]);
    refused(launch(&all.mistaken()), &["PutObject", "AWS_SECRET_ACCESS_KEY"]);
    refused(launch(&User::unknown()), &["PutObject", "AWS_ACCESS_KEY_ID"]);
    refused(launch(&moto.user("GetObject,ListBucket").await), &["refuses PutObject"]);
    refused(launch(&moto.user("PutObject,GetObject,DeleteObject").await), &["refuses ListBucket"]);
    assert_eq!(moto.names().await, ["some/prefix/check"], "by the one who may not list, and does not come to delete");
    launch(&all).start();
    assert_eq!(moto.names().await, [""; 0]);
}

// The line is carried while the test waits for a process.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_away_stops_no_start() {
    let moto = Moto::start().await;
    let settings = moto.settings(&moto.user("*").await);
    let launch = settings.iter().fold(Launch::new(), |launch, (variable, value)| launch.set(variable, value));
    moto.line.breaks();
    let gateway = launch.start();
    let admin = gateway.admin();
    admin.get("/auth/me").await.expect(200);
    gateway.anon().get("/health/ready").await.expect(200);
    assert_eq!(audio_store(&admin).await, ("degraded".to_owned(), "down".to_owned()));
    assert_outage(&admin.upload(wav::tone(1), "a.wav").await);
    moto.line.mends();
    let made = admin.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    assert_eq!(ended(&admin, &job).await.json["status"], "completed");
    assert_eq!(audio_store(&admin).await, ("healthy".to_owned(), "ok".to_owned()));
}
