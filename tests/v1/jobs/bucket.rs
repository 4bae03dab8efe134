//! Audio and results in an S3-compatible store.

use super::{PATH, ended, upload, working_with};
use dalston_model::Clock;
use kit::{
    app::{App, Start},
    process::files,
    s3::S3,
    scribe::Turn,
    wav,
};
use serde_json::json;
use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// The name of a thing in the bucket.
fn named(folder: &str, name: &str) -> String {
    format!("some/prefix/{folder}/{name}")
}

fn id(job: &str) -> &str {
    job.rsplit('/').next().unwrap()
}

/// Nothing of a job is on this machine.
fn assert_nothing_here(app: &App) {
    for folder in ["audio", "audio/incoming", "results"] {
        assert_eq!(files(&app.data.path().join(folder)), [""; 0], "{folder}");
    }
    let scratch = fs::read_dir(app.data.path().join("scratch")).unwrap();
    let own: Vec<_> = scratch.map(|node| fs::read_dir(node.unwrap().path()).unwrap().count()).collect();
    assert_eq!(own, [1], "the lock and nothing else");
}

#[tokio::test]
async fn audio_and_results_are_in_the_bucket_and_nowhere_else() {
    let s3 = S3::start();
    let (app, scribe, client) = working_with(s3.configure(Start::default()), &[Turn::Writes(2)]).await;
    // More than one part.
    let audio = wav::tone(360);
    let made = client.upload(audio.clone(), "a.wav").await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["result"]["text"], "word 0 word 1", "{shown}");
    assert_eq!(s3.names(), [named("audio", id(&job)), named("results", &format!("{}.1.default", id(&job)))]);
    assert_eq!(scribe.count(), 1);
    let exported = client.get(&format!("{job}/export/txt")).await.expect(200);
    assert_eq!(exported.text, "word 0 word 1\n");
    assert_nothing_here(&app);
    client.delete(&format!("{job}?purge=true")).await.expect(200);
    assert_eq!(s3.names(), [""; 0]);
}

#[tokio::test]
async fn two_nodes_with_a_folder_each_share_the_work_over_the_bucket() {
    let s3 = S3::start();
    let fixture = kit::stores::memory().await;
    let near = s3.configure(Start::default().on(kit::stores::shared(&fixture))).start().await;
    let (_far, _, _) = working_with(s3.configure(Start::default().on(fixture)), &[Turn::Writes(1)]).await;
    let client = near.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    assert_eq!(ended(&client, &job).await.json["result"]["text"], "word 0");
}

#[tokio::test]
async fn an_upload_is_503_while_the_bucket_is_away_and_leaves_nothing() {
    let s3 = S3::start();
    let app = s3.configure(Start::default()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    s3.is_away(true);
    assert_eq!(client.upload(wav::tone(1), "a.wav").await.expect(503).problem(), "unavailable");
    s3.is_away(false);
    assert_eq!(client.get(PATH).await.expect(200).ids(), [""; 0]);
    assert_eq!(s3.names(), [""; 0]);
    assert_nothing_here(&app);
}

#[tokio::test]
async fn a_job_is_shown_in_short_while_its_transcript_cannot_be_read() {
    let s3 = S3::start();
    let (_app, _, client) = working_with(s3.configure(Start::default()), &[Turn::Writes(2)]).await;
    let job = upload(&client).await;
    ended(&client, &job).await;
    s3.is_away(true);
    let shown = client.get(&job).await.expect(200).json;
    assert_eq!((&shown["status"], &shown["result"]["segment_count"]), (&json!("completed"), &json!(2)));
    assert!(shown["result"]["hint"].as_str().unwrap().ends_with("/export/json"), "{shown}");
    client.get(&format!("{job}/export/json")).await.expect(503);
}

#[tokio::test]
async fn what_a_crash_left_is_finished_or_deleted() {
    let s3 = S3::start();
    let app = s3.configure(Start::default()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    let staged = app.data.path().join("audio/incoming");
    // The audio of a row is in the stage still, and not in the bucket; that of no row is in both, or in the bucket.
    s3.remove(&named("audio", id(&job)));
    fs::write(staged.join(id(&job)), wav::tone(1)).unwrap();
    let lost = "job_0192f0c12b7a7c3e9d415f6e7a8b9c0d";
    fs::write(staged.join(lost), "audio").unwrap();
    age(&app, &staged.join(lost));
    for number in 0..7 {
        s3.put(&named("audio", &format!("job_{number:032x}")));
    }
    s3.put(&named("audio", lost));
    s3.put(&named("results", &format!("{lost}.1.default")));
    s3.put(&named("audio", "notes.txt"));
    app.runtime.services.jobs.recover().await.unwrap();
    assert_eq!(s3.names(), [named("audio", id(&job)), named("audio", "notes.txt")]);
    assert_nothing_here(&app);
}

fn age(app: &App, path: &Path) {
    let now = Duration::from_secs(app.clock.now().as_secs().try_into().unwrap());
    File::open(path).unwrap().set_modified(UNIX_EPOCH + now - Duration::from_hours(2)).unwrap();
}
