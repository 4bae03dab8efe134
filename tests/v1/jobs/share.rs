//! Nodes share the work of all tenants.

use super::{PATH, ended, upload, working_with};
use dalston_work::contract::WorkFixture;
use kit::{
    app::Start,
    process::eventually,
    scribe::{Scribe, Turn},
    stores, wav,
};
use std::collections::HashSet;

/// Two nodes work on each job once between them.
async fn shared(fixture: WorkFixture) {
    const JOBS: usize = 20;
    let (one, first, client) = working_with(Start::default().on(stores::shared(&fixture)), &[Turn::Writes(1)]).await;
    let folder = one.data.path().to_str().unwrap().to_owned();
    let second = Scribe::new(&[Turn::Writes(1)]);
    let start = Start::default().set("DALSTON_DATA_DIR", &folder).on(fixture).engine(second.clone());
    let two = start.start().await;
    let elsewhere = two.with(client.secret.as_ref().unwrap());
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        jobs.push(upload(if number % 2 == 0 { &client } else { &elsewhere }).await);
    }
    for job in &jobs {
        assert_eq!(ended(&client, job).await.json["status"], "completed");
    }
    assert_eq!(first.count() + second.count(), JOBS);
    let audio: HashSet<_> = first.heard().into_iter().chain(second.heard()).map(|work| work.audio).collect();
    assert_eq!(audio.len(), JOBS);
    let completed = client.get(&format!("{PATH}?status=completed")).await.expect(200);
    assert_eq!(completed.ids().len(), JOBS);
}

#[tokio::test]
async fn two_nodes_work_on_each_job_once_between_them_on_sqlite() {
    shared(stores::sqlite().await).await;
}

#[tokio::test]
async fn two_nodes_work_on_each_job_once_between_them_on_postgres() {
    shared(stores::postgres().await).await;
}

#[tokio::test]
async fn two_nodes_work_on_each_job_once_between_them_on_redis() {
    shared(stores::redis().await).await;
}

#[tokio::test]
async fn a_tenant_waits_for_one_job_of_another_at_most() {
    let start = Start::default().set("DALSTON_JOBS_PER_NODE", "1");
    let (app, scribe, client) = working_with(start, &[Turn::Holds]).await;
    for number in 0..30 {
        client.upload(wav::tone(1), &format!("many-{number}.wav")).await.expect(201);
    }
    let other = app.key_of("other", "jobs:read,jobs:write", |ask| ask).await;
    other.upload(wav::tone(1), "one.wav").await.expect(201);
    eventually("the first runs", async || scribe.count() == 1).await;
    scribe.let_go_on(1);
    eventually("the next runs", async || scribe.count() == 2).await;
    let heard: Vec<_> = scribe.heard().into_iter().map(|work| work.filename.unwrap()).collect();
    assert_eq!(heard, ["many-0.wav", "one.wav"]);
}

/// How many jobs of each tenant run, when each has more than the node has places.
async fn running(fixture: WorkFixture, places: u32, tenants: &[&str]) -> Vec<u64> {
    let start = Start::default().set("DALSTON_JOBS_PER_NODE", &places.to_string()).on(fixture);
    let (app, scribe, _) = working_with(start, &[Turn::Holds]).await;
    let mut clients = Vec::new();
    for tenant in tenants {
        clients.push(app.key_of(tenant, "jobs:read,jobs:write", |ask| ask).await);
    }
    let mut busy = 0;
    for client in &clients {
        for _ in 0..=places {
            upload(client).await;
        }
        // Each comes to what it gets before the next one asks.
        let share = if clients.len() > 1 { places.div_ceil(2) } else { places };
        busy = places.min(busy + share);
        eventually("they run", async || scribe.count() == usize::try_from(busy).unwrap()).await;
    }
    let mut running = Vec::new();
    for client in &clients {
        running.push(client.get("/status").await.expect(200).json["jobs"]["running"].as_u64().unwrap());
    }
    scribe.let_go_on(64);
    running
}

async fn a_long_job_leaves_a_place(store: impl AsyncFn() -> WorkFixture) {
    for (places, tenants, wanted) in [
        (1, &["greedy", "modest"][..], &[1, 0][..]),
        (2, &["greedy", "modest", "third"], &[1, 1, 0]),
        (3, &["greedy", "modest", "third"], &[2, 1, 0]),
    ] {
        assert_eq!(running(store().await, places, tenants).await, wanted, "of {places}");
    }
}

#[tokio::test]
async fn long_jobs_of_one_tenant_leave_a_place_for_others_on_memory() {
    a_long_job_leaves_a_place(stores::memory).await;
    // Who is alone has all.
    assert_eq!(running(stores::memory().await, 3, &["default"]).await, [3]);
}

#[tokio::test]
async fn long_jobs_of_one_tenant_leave_a_place_for_others_on_sqlite() {
    a_long_job_leaves_a_place(stores::sqlite).await;
}

#[tokio::test]
async fn long_jobs_of_one_tenant_leave_a_place_for_others_on_postgres() {
    a_long_job_leaves_a_place(stores::postgres).await;
}

#[tokio::test]
async fn long_jobs_of_one_tenant_leave_a_place_for_others_on_redis() {
    a_long_job_leaves_a_place(stores::redis).await;
}

#[tokio::test]
async fn a_node_that_stops_hands_its_jobs_back() {
    let fixture = stores::memory().await;
    let (mut one, first, client) = working_with(Start::default().on(stores::shared(&fixture)), &[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || first.count() == 1).await;
    one.stop();
    assert_eq!(first.stopped(), 1);
    let folder = one.data.path().to_str().unwrap().to_owned();
    let start = Start::default().set("DALSTON_DATA_DIR", &folder).on(fixture);
    let (two, _, _) = working_with(start, &[Turn::Writes(1)]).await;
    let shown = ended(&two.with(client.secret.as_ref().unwrap()), &job).await.json;
    assert_eq!(shown["result"]["text"], "word 0");
}
