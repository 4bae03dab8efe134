//! A cancel reaches the engine; a revoked key leaves nothing behind that runs.

use super::{PATH, becomes, ended, recorded, upload, working, working_with};
use kit::{
    app::Start,
    process::{eventually, files},
    scribe::{Scribe, Turn},
    stores,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_cancel_reaches_the_engine() {
    let (app, scribe, client) = working(&[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    assert_eq!(client.delete(&job).await.expect(200).json, json!({"status": "cancelling"}));
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["result"]), (&json!("cancelled"), &json!(null)));
    assert_eq!(scribe.stopped(), 1);
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.cancelled", "job.cancelled"]);
    client.delete(&job).await.expect(409);
}

#[tokio::test]
async fn a_cancel_on_another_node_reaches_the_engine_with_a_heartbeat() {
    let fixture = stores::memory().await;
    let other = Start::default().on(stores::shared(&fixture)).start().await;
    let (_app, scribe, client) = working_with(Start::default().on(fixture), &[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    let elsewhere = other.with(client.secret.as_ref().unwrap());
    assert_eq!(elsewhere.delete(&job).await.expect(200).json, json!({"status": "cancelling"}));
    assert_eq!(ended(&elsewhere, &job).await.json["status"], "cancelled");
    assert_eq!(scribe.stopped(), 1);
}

#[tokio::test]
async fn a_cancelled_job_has_no_result_though_its_engine_went_on() {
    let (app, scribe, client) = working(&[Turn::Insists]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    client.delete(&job).await.expect(200);
    scribe.let_go_on(1);
    let shown = ended(&client, &job).await.json;
    assert_eq!((&shown["status"], &shown["result"]), (&json!("cancelled"), &json!(null)));
    assert_eq!(files(&app.data.path().join("results")), [""; 0]);
}

#[tokio::test]
async fn jobs_that_wait_end_with_their_key_and_finished_results_stay() {
    let (app, scribe, client) = working(&[Turn::Writes(1), Turn::Holds, Turn::Holds, Turn::Writes(1)]).await;
    let done = upload(&client).await;
    ended(&client, &done).await;
    let (first, second, third) = (upload(&client).await, upload(&client).await, upload(&client).await);
    eventually("two run", async || scribe.count() == 3).await;
    app.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    let reader = app.key("jobs:read").await;
    becomes(&reader, &third, "cancelled").await;
    assert_eq!(recorded(&app, &third).await, ["job.created", "job.cancelled"]);
    // What runs already goes on.
    for job in [&first, &second] {
        assert_eq!(reader.get(job).await.expect(200).json["status"], "running");
    }
    scribe.let_go_on(2);
    for job in [&first, &second] {
        assert_eq!(ended(&reader, job).await.json["status"], "completed");
    }
    assert_eq!(reader.get(&done).await.expect(200).json["result"]["text"], "word 0");
    assert_eq!(scribe.count(), 3);
}

#[tokio::test]
async fn a_job_of_a_revoked_key_is_not_begun() {
    let fixture = stores::memory().await;
    let app = Start::default().on(stores::shared(&fixture)).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    // Nobody on this node hears of it: another one begins the job.
    app.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    let scribe = Scribe::new(&[Turn::Writes(1)]);
    let worker = Start::default().on(fixture).engine(scribe.clone()).start().await;
    let reader = worker.key("jobs:read").await;
    becomes(&reader, &job, "cancelled").await;
    assert_eq!(scribe.count(), 0);
}

#[tokio::test]
async fn a_lease_that_lapsed_is_another_nodes_and_the_first_node_writes_nothing() {
    let fixture = stores::memory().await;
    // A node whose one place is taken does not lease the job again itself.
    let one = || Start::default().set("DALSTON_JOBS_PER_NODE", "1");
    let (app, slow, client) = working_with(one().on(stores::shared(&fixture)), &[Turn::Insists]).await;
    let job = upload(&client).await;
    eventually("it runs", async || slow.count() == 1).await;
    // The other node shares the folder. The first one has slept for longer than its lease.
    let folder = app.data.path().to_str().unwrap().to_owned();
    let quick = Scribe::new(&[Turn::Writes(3)]);
    let other = one().set("DALSTON_DATA_DIR", &folder).on(fixture).engine(quick.clone()).start().await;
    eventually("it is taken back", async || {
        app.clock.advance(Duration::from_secs(31));
        other.runtime.services.dispatcher.tidy().await.unwrap();
        // When it has ended by now, it has no error any more.
        quick.count() > 0 || !client.get(&job).await.expect(200).json["error"].is_null()
    })
    .await;
    eventually("it is taken over", async || quick.count() > 0).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["result"]["segment_count"], 3);
    slow.let_go_on(1);
    let kept = files(&app.data.path().join("results"));
    eventually("the first one is done", async || app.runtime.services.dispatcher.report().running == 0).await;
    assert_eq!(files(&app.data.path().join("results")), kept, "it left nothing");
    assert_eq!(client.get(&job).await.expect(200).json["result"]["segment_count"], 3);
    assert_eq!(recorded(&app, &job).await, ["job.created", "job.completed"]);
    assert_eq!(client.get(PATH).await.expect(200).ids().len(), 1);
}
