//! A job at which something died is tried once more, alone, and then given up.

use super::{becomes, ended, recorded, upload, working_with};
use kit::{app::Start, client::Answer, patience::eventually, program::script, scribe::Turn, wav};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;
use std::fs;

#[tokio::test]
async fn the_second_attempt_is_alone_and_the_second_death_ends_the_job() {
    let start = Start::default().set("DALSTON_JOBS_PER_NODE", "3");
    let turns = [Turn::Holds, Turn::Dies, Turn::Dies, Turn::Writes(1)];
    let (app, scribe, client) = working_with(start, &turns).await;
    let beside = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    let poison = upload(&client).await;
    eventually("its turn has come again", async || {
        let shown = client.get(&poison).await.expect(200).json;
        (&shown["status"], &shown["error"]) == (&json!("running"), &json!("The engine died"))
    })
    .await;
    let later = upload(&client).await;
    assert_eq!(scribe.count(), 2, "it waits until it is alone");
    scribe.let_go_on(1);
    assert_eq!(ended(&client, &beside).await.json["status"], "completed");
    let shown = ended(&client, &poison).await.json;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("failed"), &json!("The engine died")));
    assert_eq!(recorded(&app, &poison).await, ["job.created", "job.failed"]);
    assert_eq!(ended(&client, &later).await.json["status"], "completed");
    assert_eq!(scribe.count(), 4, "twice, not six times");
}

#[tokio::test]
async fn a_job_that_waits_to_be_alone_can_be_cancelled() {
    let (_app, scribe, client) = working_with(Start::default(), &[Turn::Holds, Turn::Dies]).await;
    let beside = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    let poison = upload(&client).await;
    eventually("its turn has come again", async || {
        let shown = client.get(&poison).await.expect(200).json;
        shown["status"] == "running" && !shown["error"].is_null()
    })
    .await;
    client.delete(&poison).await;
    becomes(&client, &poison, "cancelled").await;
    scribe.let_go_on(1);
    assert_eq!(ended(&client, &beside).await.json["status"], "completed");
    assert_eq!(scribe.count(), 2);
}

#[tokio::test]
async fn an_attempt_that_dies_by_bad_luck_is_made_good() {
    let (_app, scribe, client) = working_with(Start::default(), &[Turn::Dies, Turn::Writes(1)]).await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("completed"), &json!(null)));
    assert_eq!(scribe.count(), 2);
}

/// A decoder that takes whatever it is given for a second of audio, and dies when it is to listen to it.
const POISONED: &str = r#"[ "$2" = probe ] || { echo x >> listened; kill -KILL $$; }
echo '{"found":{"audio":{"format":"wav","duration_seconds":1.0,"sample_rate":16000,"channels":1}}}'"#;

#[tokio::test]
async fn a_decoder_that_dies_of_a_job_fails_it_at_both_doors() {
    let home = tempfile::tempdir().unwrap();
    let listened = home.path().join("listened");
    let poisoned = POISONED.replace("listened", listened.to_str().unwrap());
    let start = Start::default().decoder(script(&home.path().join("program"), &poisoned)).working();
    let app = start.start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    let died = "The audio cannot be decoded within the memory and the time that a file is given";
    assert_eq!((&shown["status"], &shown["error"]), (&json!("failed"), &json!(died)));
    let count = || fs::read_to_string(&listened).unwrap().lines().count();
    assert_eq!(count(), 2, "twice, not six times");
    let part = Part::bytes(wav::tone(1)).file_name("a.wav");
    let form = Form::new().part("file", part).text("model", "whisper-1");
    let request = client.request(Method::POST, "/openai/v1/audio/transcriptions").multipart(form);
    let answer = Answer::of(request).await;
    assert_eq!((answer.code(), &answer.json["error"]["message"]), (400, &json!(died)), "{}", answer.text);
    assert_eq!(count(), 4);
}

#[tokio::test]
async fn a_decoder_that_dies_of_an_upload_refuses_it_and_one_that_is_away_does_not() {
    let home = tempfile::tempdir().unwrap();
    for (name, text, code) in [("dies", "kill -ABRT $$", 415), ("away", "echo '{\"unable\":\"no\"}'", 503)] {
        let start = Start::default().decoder(script(&home.path().join(name), text));
        let app = start.start().await;
        let client = app.key("jobs:read,jobs:write").await;
        let answer = client.upload(wav::tone(1), "a.wav").await;
        assert_eq!(answer.code(), code, "{name}: {}", answer.text);
        assert_eq!(client.get(super::PATH).await.expect(200).json, json!([]), "no job was made");
    }
}
