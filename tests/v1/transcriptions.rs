//! `/v1/audio/transcriptions`: list, get, cancel, purge. Uploads and streams have files of their own.

use dalston_model::SeededEntropy;
use kit::{app::App, client::Client, wav};
use serde_json::json;
use std::time::Duration;

const JOBS: &str = "/v1/audio/transcriptions";
const UNKNOWN: &str = "/v1/audio/transcriptions/job_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

/// Somebody of a tenant with the rights on jobs.
async fn writer(app: &App, tenant: &str) -> Client {
    app.key_of(tenant, "jobs:read,jobs:write", |ask| ask).await
}

/// The id of a new job.
async fn job(client: &Client) -> String {
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    made.json["id"].as_str().unwrap().to_owned()
}

fn path(id: &str) -> String {
    format!("{JOBS}/{id}")
}

/// The ids of all pages from this path on.
async fn walk(client: &Client, path: &str) -> Vec<String> {
    let (mut seen, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = client.get(&path).await.expect(200);
        seen.extend(page.ids().into_iter().map(str::to_owned));
        match page.next() {
            Some(next) => path = next.to_owned(),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn a_job_is_shown_with_every_field() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let id = job(&client).await;
    assert!(id.len() == 36 && id[4..].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "ID-01 {id}");
    let shown = client.get(&path(&id)).await.expect(200);
    let fields: Vec<&String> = shown.json.as_object().unwrap().keys().collect();
    let expected = [
        "id",
        "tenant_id",
        "status",
        "filename",
        "content_type",
        "size_bytes",
        "audio",
        "model",
        "language",
        "metadata",
        "created_at",
        "created_by",
        "started_at",
        "completed_at",
        "progress",
        "error",
        "result",
    ];
    assert_eq!(fields, expected);
    assert_eq!(shown.json["id"], id);
    assert_eq!(shown.json["tenant_id"], "default");
    assert_eq!(shown.json["status"], "pending");
    assert_eq!(shown.json["filename"], "a.wav");
    assert_eq!(shown.json["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(shown.json["created_by"], client.id.unwrap().to_string());
    assert_eq!(shown.json["audio"]["sample_rate"], 16_000);
    assert_eq!(shown.json["audio"]["channels"], 1);
    assert_eq!(client.get(JOBS).await.expect(200).json, json!([shown.json]));
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_cursor_and_by_offset() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        ids.insert(0, job(&client).await);
    }
    assert_eq!(client.get(JOBS).await.expect(200).ids(), ids);
    for limit in [1, 2, 3, 5, 6] {
        assert_eq!(walk(&client, &format!("{JOBS}?limit={limit}")).await, ids, "LIST-01 {limit}");
        assert_eq!(walk(&client, &format!("{JOBS}?limit={limit}&offset=2")).await, ids[2..], "{limit}");
    }
    for (query, expected) in [
        ("offset=0&limit=2", &ids[..2]),
        ("offset=2&limit=2", &ids[2..4]),
        ("offset=4&limit=2", &ids[4..]),
        ("offset=5", &[]),
        ("offset=10000", &[]),
    ] {
        assert_eq!(client.get(&format!("{JOBS}?{query}")).await.expect(200).ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn jobs_made_while_paging_are_neither_seen_nor_in_the_way() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(1));
        ids.insert(0, job(&client).await);
    }
    let first = client.get(&format!("{JOBS}?limit=2")).await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    job(&client).await;
    assert_eq!(walk(&client, first.next().unwrap()).await, ids[2..]);
}

#[tokio::test]
async fn jobs_of_one_status_are_listed_when_asked_for() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let (gone, stays, also_gone) = (job(&client).await, job(&client).await, job(&client).await);
    for id in [&gone, &also_gone] {
        client.delete(&path(id)).await.expect(200);
    }
    assert_eq!(client.get(&format!("{JOBS}?status=pending")).await.expect(200).ids(), [stays]);
    let mut cancelled = walk(&client, &format!("{JOBS}?status=cancelled&limit=1")).await;
    let mut expected = vec![gone, also_gone];
    cancelled.sort();
    expected.sort();
    assert_eq!(cancelled, expected);
    for status in ["running", "completed", "failed", "cancelling"] {
        assert!(client.get(&format!("{JOBS}?status={status}")).await.expect(200).ids().is_empty(), "{status}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_by_its_field() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    for (field, values) in [
        ("limit", &["0", "101", "-1", "%2B5", "x", ""][..]),
        ("offset", &["-1", "10001", "%2B5", "x", "1.5", "99999999999999999999"]),
        ("status", &["done", "PENDING", "", "pending,running"]),
    ] {
        for value in values {
            let answer = client.get(&format!("{JOBS}?{field}={value}")).await.expect(422);
            assert_eq!(answer.fields(), [field], "LIST-01 {value}");
        }
    }
    let cursor = format!("{:016x}.job_0192f0c12b7a7c3e9d415f6e7a8b9c0d", 1_767_225_600_000_000_i64);
    assert_eq!(client.get(&format!("{JOBS}?cursor={cursor}&offset=1")).await.expect(422).fields(), ["offset"]);
    client.get(&format!("{JOBS}?cursor=x")).await.expect(400);
    assert_eq!(client.get(&format!("{JOBS}?tenant_id=other")).await.expect(422).fields(), ["tenant_id"]);
}

#[tokio::test]
async fn a_pending_job_is_cancelled_once() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let id = job(&client).await;
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(client.delete(&path(&id)).await.expect(200).json, json!({"status": "cancelled"}));
    let shown = client.get(&path(&id)).await.expect(200);
    assert_eq!(shown.json["status"], "cancelled");
    assert_eq!(shown.json["completed_at"], "2026-01-01T00:00:05Z");
    let again = client.delete(&path(&id)).await;
    assert_eq!((again.code(), again.problem()), (409, "conflict"), "JOB-03");
}

#[tokio::test]
async fn an_ended_job_is_purged_with_its_audio_and_no_other() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let (id, other) = (job(&client).await, job(&client).await);
    let purge = format!("{}?purge=true", path(&id));
    assert_eq!(client.delete(&purge).await.expect(409).problem(), "conflict");
    client.delete(&format!("{}?purge=false", path(&id))).await.expect(200);
    assert_eq!(files(&app).len(), 2);
    assert_eq!(client.delete(&purge).await.expect(200).json, json!({"status": "deleted"}));
    assert_eq!(files(&app), std::slice::from_ref(&other));
    assert_eq!(client.get(JOBS).await.expect(200).ids(), [other]);
    client.get(&path(&id)).await.expect(404);
    client.delete(&purge).await.expect(404);
    assert_eq!(client.delete(&format!("{}?purge=maybe", path(&id))).await.expect(422).fields(), ["purge"]);
}

/// The files of jobs in the data folder.
fn files(app: &App) -> Vec<String> {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["audio", "results"] {
        walk(&app.data.path().join(folder), &mut found);
    }
    found
}

#[tokio::test]
async fn two_tenants_see_their_own_jobs_only() {
    let app = App::start().await;
    let (ours, theirs) = (writer(&app, "default").await, writer(&app, "other").await);
    let (our_job, their_job) = (job(&ours).await, job(&theirs).await);
    assert_eq!(ours.get(JOBS).await.expect(200).ids(), std::slice::from_ref(&our_job));
    assert_eq!(theirs.get(JOBS).await.expect(200).ids(), std::slice::from_ref(&their_job));
    for (client, foreign) in [(&ours, &their_job), (&theirs, &our_job)] {
        let unknown = client.get(UNKNOWN).await.expect(404);
        assert_eq!(unknown.json["detail"], "Job not found");
        assert_eq!(client.get(&path(foreign)).await.bare(), unknown.bare(), "TEN-01");
        let unknown = client.delete(UNKNOWN).await.expect(404);
        assert_eq!(client.delete(&path(foreign)).await.bare(), unknown.bare(), "TEN-01");
        assert_eq!(client.delete(&format!("{}?purge=true", path(foreign))).await.bare(), unknown.bare());
    }
    // Nothing was cancelled.
    assert_eq!(ours.get(&path(&our_job)).await.expect(200).json["status"], "pending");
    assert_eq!(theirs.get(&path(&their_job)).await.expect(200).json["status"], "pending");
}

#[tokio::test]
async fn requests_of_two_tenants_on_one_connection_never_cross() {
    let app = App::start().await;
    let (ours, theirs) = (writer(&app, "default").await, writer(&app, "other").await);
    let (our_job, their_job) = (job(&ours).await, job(&theirs).await);
    let chance = SeededEntropy::new(3);
    let shared = app.anon();
    for _ in 0..200 {
        let mut byte = [0];
        dalston_model::Entropy::fill(&chance, &mut byte).unwrap();
        let (who, job) = if byte[0] % 2 == 0 { (&ours, &our_job) } else { (&theirs, &their_job) };
        let secret = who.secret.as_ref().unwrap();
        let answer = shared.get_with(JOBS, &[("x-api-key", secret)]).await.expect(200);
        assert_eq!(answer.ids(), [job], "TEN-05");
    }
}

#[tokio::test]
async fn an_id_that_is_not_canonical_is_no_job() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let id = job(&client).await;
    for wrong in [id[4..].to_owned(), format!("{id}0"), format!("{id}%00"), "job_".to_owned(), "1".to_owned()] {
        let answer = client.get(&path(&wrong)).await.expect(404);
        assert_eq!(answer.json["detail"], "Job not found", "ID-01 {wrong}");
    }
    assert_eq!(client.get(&path(&id.to_uppercase())).await.expect(200).json["id"], id);
}

#[tokio::test]
async fn a_job_outlives_the_key_that_made_it() {
    let app = App::start().await;
    let client = writer(&app, "default").await;
    let id = job(&client).await;
    app.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    client.get(&path(&id)).await.expect(401);
    writer(&app, "default").await.get(&path(&id)).await.expect(200);
}
