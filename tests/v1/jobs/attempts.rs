//! A job is tried, perhaps again, and ends once.

use super::{becomes, ended, recorded, upload, working, working_with};
use kit::{
    app::Start,
    process::eventually,
    scribe::{Turn, segment},
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_upload_comes_back_completed_with_its_result() {
    let (app, scribe, client) = working(&[Turn::Writes(2)]).await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["progress"], 1.0);
    assert_eq!(shown["error"], json!(null));
    assert_eq!(shown["started_at"], "2026-01-01T00:00:00Z");
    let result = json!({
        "text": "word 0 word 1",
        "segments": [segment(0, false), segment(1, false)],
        "words": [],
        "language": "en",
        "duration": 2.0,
        "speech_duration": 1.0,
        "segment_count": 2,
        "engine": "scribe",
        "model": "scribe-1",
        "note": null,
    });
    assert_eq!(shown["result"], result);
    let listed = client.get(super::PATH).await.expect(200).json[0].clone();
    assert_eq!(listed["result"]["segment_count"], 2);
    assert_eq!(listed["result"]["text"], json!(null), "in a list a result is told in short");
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.completed"]);
    assert_eq!(scribe.count(), 1);
}

#[tokio::test]
async fn a_job_is_tried_again_after_a_while_and_then_no_more() {
    let start = Start::default().set("DALSTON_JOB_ATTEMPTS", "3");
    let (app, scribe, client) = working_with(start, &[Turn::IsAway]).await;
    let job = upload(&client).await;
    for attempt in 1..=3 {
        eventually("it is tried", async || scribe.count() == attempt).await;
        if attempt < 3 {
            becomes(&client, &job, "pending").await;
            let shown = client.get(&job).await.expect(200);
            assert_eq!(shown.json["error"], "The engine is not available");
            app.clock.advance(Duration::from_secs(10));
        }
    }
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["error"], "The engine is not available");
    assert_eq!(shown["result"], json!(null));
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.failed"]);
}

#[tokio::test]
async fn no_job_is_tried_while_the_circuit_breaker_of_the_engine_is_open() {
    const MOMENT: Duration = Duration::from_micros(1);
    let start = Start::default().set("DALSTON_JOBS_PER_NODE", "1");
    let (app, scribe, client) = working_with(start, &[Turn::IsAway, Turn::IsAway, Turn::Writes(1)]).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(upload(&client).await);
    }
    for (tried, seconds) in [(1, 1), (2, 2)] {
        // Each attempt is at another job, whichever: none of them waits for its own time.
        let have_failed = async || {
            let mut failed = 0;
            for job in &jobs {
                let shown = client.get(job).await.expect(200).json;
                failed += usize::from(shown["error"] == "The engine is not available");
            }
            failed == tried
        };
        eventually("the attempt fails", have_failed).await;
        app.clock.advance(Duration::from_secs(seconds) - MOMENT);
        for _ in 0..20 {
            client.get("/auth/me").await.expect(200);
        }
        assert_eq!(scribe.count(), tried, "it is open");
        app.clock.advance(MOMENT);
    }
    for job in &jobs {
        assert_eq!(ended(&client, job).await.json["status"], "completed");
    }
    assert_eq!(scribe.count(), 6);
}

#[tokio::test]
async fn an_attempt_after_one_that_failed_completes_the_job() {
    let (app, scribe, client) = working(&[Turn::IsAway, Turn::Panics, Turn::Writes(1)]).await;
    let job = upload(&client).await;
    for attempt in 1..=2 {
        eventually("it is tried", async || scribe.count() == attempt).await;
        becomes(&client, &job, "pending").await;
        app.clock.advance(Duration::from_secs(10));
    }
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("completed"), &json!(null)));
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.completed"]);
}

#[tokio::test]
async fn audio_that_an_engine_refuses_is_not_tried_again() {
    let (app, scribe, client) = working(&[Turn::Refuses]).await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("failed"), &json!("The engine does not take this audio")));
    assert_eq!(scribe.count(), 1);
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.failed"]);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped() {
    let start = Start::default().set("DALSTON_ENGINE_SECONDS", "1").set("DALSTON_JOB_ATTEMPTS", "1");
    let (_app, scribe, client) = working_with(start, &[Turn::Holds]).await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("failed"), &json!("The engine took too long")));
    assert_eq!(scribe.stopped(), 1);
}

#[tokio::test]
async fn a_node_works_on_so_many_jobs_at_once_as_it_may() {
    let start = Start::default().set("DALSTON_JOBS_PER_NODE", "3");
    let (app, scribe, client) = working_with(start, &[Turn::Holds]).await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(upload(&client).await);
    }
    eventually("three run", async || scribe.count() == 3).await;
    let status = app.master().get("/status").await.expect(200).json;
    assert_eq!(status["jobs"], json!({"pending": 2, "running": 3, "cancelling": 0}));
    let dispatcher = &status["admin"]["dispatcher"];
    assert_eq!((&dispatcher["engine"], &dispatcher["state"]), (&json!("scribe"), &json!("ok")));
    assert_eq!((&dispatcher["running"], &dispatcher["most"]), (&json!(3), &json!(3)));
    scribe.let_go_on(5);
    for job in &jobs {
        assert_eq!(ended(&client, job).await.json["status"], "completed");
    }
}
