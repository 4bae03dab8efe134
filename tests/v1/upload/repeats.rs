//! `Idempotency-Key`: a repeated upload gets the job of the first.

use super::{PATH, file, uploading};
use kit::{
    client::{Answer, Client},
    process::files,
    wav,
};
use reqwest::{Method, multipart::Form};

async fn upload(client: &Client, key: &str, audio: Vec<u8>, model: &str) -> Answer {
    let form = Form::new().text("model", model.to_owned()).part("file", file(audio));
    Answer::of(client.request(Method::POST, PATH).header("idempotency-key", key).multipart(form)).await
}

#[tokio::test]
async fn a_repeated_upload_gets_the_first_job_and_leaves_no_second_file() {
    let (app, client) = uploading().await;
    let first = upload(&client, "\"one\"", wav::tone(1), "fast").await.expect(201);
    // With quotes or without it is the same key.
    for key in ["\"one\"", "one"] {
        let again = upload(&client, key, wav::tone(1), "fast").await.expect(201);
        assert_eq!(again.json, first.json, "IDEM-01");
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(client.get(PATH).await.expect(200).json.as_array().unwrap().len(), 1);
    assert_eq!(files(&app.data.path().join("audio")).len(), 1);
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
    let other = upload(&client, "two", wav::tone(1), "fast").await.expect(201);
    assert_ne!(other.json["id"], first.json["id"]);
}

#[tokio::test]
async fn another_payload_under_the_same_key_is_refused() {
    let (app, client) = uploading().await;
    upload(&client, "one", wav::tone(1), "fast").await.expect(201);
    for (audio, model) in [(wav::tone(2), "fast"), (wav::tone(1), "accurate")] {
        assert_eq!(upload(&client, "one", audio, model).await.expect(422).problem(), "invalid_request", "IDEM-01");
    }
    assert_eq!(files(&app.data.path().join("audio")).len(), 1);
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
}

#[tokio::test]
async fn a_repeated_upload_whose_job_was_purged_is_told_that_it_is_gone() {
    let (app, client) = uploading().await;
    let first = upload(&client, "one", wav::tone(1), "fast").await.expect(201);
    let path = first.header("location");
    client.delete(path).await.expect(200);
    client.delete(&format!("{path}?purge=true")).await.expect(200);
    let again = upload(&client, "one", wav::tone(1), "fast").await.expect(404);
    assert_eq!((again.problem(), &again.json["detail"]), ("not_found", &serde_json::json!("Job not found")));
    super::assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn a_key_is_of_its_caller_alone() {
    let (app, client) = uploading().await;
    let other = app.key("jobs:read,jobs:write").await;
    let stranger = app.key_of("acme", "jobs:read,jobs:write", |ask| ask).await;
    let mut ids = Vec::new();
    for client in [&client, &other, &stranger] {
        ids.push(upload(client, "one", wav::tone(1), "fast").await.expect(201).json["id"].to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "IDEM-01");
}

#[tokio::test]
async fn uploads_under_one_key_at_once_make_one_job() {
    let (app, client) = uploading().await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        running.spawn(async move { upload(&client, "one", wav::tone(1), "fast").await });
    }
    let answers = running.join_all().await;
    let first = &answers[0].json["id"];
    assert!(answers.iter().all(|answer| answer.code() == 201 && answer.json["id"] == *first), "{answers:?}");
    assert_eq!(files(&app.data.path().join("audio")).len(), 1);
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let (_app, client) = uploading().await;
    for key in ["", "\"\"", "a b", "\"a", &"x".repeat(256)] {
        assert_eq!(upload(&client, key, wav::tone(1), "fast").await.expect(400).problem(), "invalid_request", "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_upload_that_recovery_comes_to_first_is_acknowledged_all_the_same() {
    const UPLOADS: usize = 200;
    let (app, client) = uploading().await;
    let mut recovering = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let runtime = app.runtime.clone();
        recovering.spawn(async move {
            loop {
                runtime.services.jobs.recover().await.unwrap();
            }
        });
    }
    let mut uploads = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        uploads.spawn(async move {
            for _ in 0..UPLOADS / 8 {
                client.upload(wav::tone(1), "a.wav").await.expect(201);
            }
        });
    }
    uploads.join_all().await;
    // An error of recovery would have ended it.
    assert!(recovering.try_join_next().is_none());
    recovering.shutdown().await;
    assert_eq!(files(&app.data.path().join("audio")).len(), UPLOADS, "JOB-01");
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0]);
}
