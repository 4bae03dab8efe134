//! `?wait=SECONDS`, and the events of a job.

use super::{PATH, ended, upload, working, working_with};
use dalston_auth::rights;
use dalston_service::WaitSlot;
use kit::{
    app::{App, Start},
    client::Answer,
    events::Events,
    process::eventually,
    scribe::Turn,
    wav,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;
use std::iter;

#[tokio::test]
async fn a_create_that_waits_answers_with_the_result() {
    let (_app, _, client) = working(&[Turn::Writes(1)]).await;
    let file = Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"));
    let asked = client.request(Method::POST, &format!("{PATH}?wait=60")).multipart(file);
    let made = Answer::of(asked).await.expect(201);
    assert_eq!((&made.json["status"], &made.json["result"]["text"]), (&json!("completed"), &json!("word 0")));
    assert_eq!(made.header("location"), format!("{PATH}/{}", made.json["id"].as_str().unwrap()));
    for wrong in ["61", "-1", "%2B5", "x", "", "1&wait=1"] {
        let asked = client.request(Method::POST, &format!("{PATH}?wait={wrong}"));
        let answer = Answer::of(asked.multipart(Form::new().text("a", "b"))).await.expect(422);
        assert_eq!(answer.fields(), ["wait"], "{wrong}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_its_time_or_with_the_gateway() {
    let (app, scribe, client) = working(&[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    assert_eq!(client.get(&format!("{job}?wait=0")).await.expect(200).json["status"], "running");
    assert_eq!(client.get(&format!("{job}?wait=1")).await.expect(200).json["status"], "running");
    for wrong in ["61", "-1", "x"] {
        assert_eq!(client.get(&format!("{job}?wait={wrong}")).await.expect(422).fields(), ["wait"], "{wrong}");
    }
    let path = format!("{job}?wait=60");
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.get(&path).await }
    });
    app.runtime.begin_shutdown();
    assert_ne!(waits.await.unwrap().expect(200).json["status"], "completed");
}

#[tokio::test]
async fn a_wait_hears_of_a_job_that_another_node_works_on() {
    let fixture = kit::stores::memory().await;
    let near = Start::default().on(kit::stores::shared(&fixture)).start().await;
    let folder = near.data.path().to_str().unwrap().to_owned();
    let start = Start::default().set("DALSTON_DATA_DIR", &folder).on(fixture);
    let (_far, scribe, _) = working_with(start, &[Turn::Holds]).await;
    let client = near.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    scribe.let_go_on(1);
    assert_eq!(ended(&client, &job).await.json["result"]["text"], "word 0 word 1");
}

#[tokio::test]
async fn events_tell_each_change_of_a_job_and_end_with_it() {
    let (_app, scribe, client) = working(&[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    let mut events = Events::of(&client, &job).await;
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        if event["progress"] == 0.5 {
            scribe.let_go_on(1);
        }
        let told = (event["status"].as_str().unwrap().to_owned(), event["progress"].clone());
        assert!(!seen.contains(&told), "told twice: {told:?}");
        seen.push(told);
    }
    let last = seen.last().unwrap();
    assert_eq!(*last, ("completed".to_owned(), json!(1.0)), "{seen:?}");
    assert!(seen.contains(&("running".to_owned(), json!(0.5))), "{seen:?}");
    // A job that has ended is told once.
    let mut events = Events::of(&client, &job).await;
    let event = events.next().await.unwrap();
    assert_eq!((&event["status"], &event["result"]["segment_count"]), (&json!("completed"), &json!(2)));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_wait_ends_with_the_key() {
    let (app, scribe, client) = working(&[Turn::Holds]).await;
    let job = upload(&client).await;
    eventually("it runs", async || scribe.count() == 1).await;
    let (id, admin) = (client.id.unwrap(), app.master());
    let uses = async || admin.get(&format!("/auth/keys/{id}/usage")).await.expect(200).json["usage_count"].clone();
    let before = uses().await;
    let path = format!("{job}?wait=60");
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.get(&path).await }
    });
    eventually("it waits", async || uses().await != before).await;
    admin.delete(&format!("/auth/keys/{id}")).await.expect(200);
    assert_eq!(waits.await.unwrap().expect(401).problem(), "invalid_credential");
}

#[tokio::test]
async fn events_end_with_the_key_on_every_node() {
    let fixture = kit::stores::memory().await;
    let other = Start::default().on(kit::stores::shared(&fixture)).start().await;
    let app = Start::default().on(fixture).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    let mut near = Events::of(&client, &job).await;
    let mut far = Events::of(&other.with(client.secret.as_ref().unwrap()), &job).await;
    for events in [&mut near, &mut far] {
        assert_eq!(events.next().await.unwrap()["status"], "pending");
    }
    app.master().delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    for events in [&mut near, &mut far] {
        assert_eq!(events.next().await, None);
    }
}

#[tokio::test]
async fn a_tenant_has_a_share_of_those_who_may_wait() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    // A tenant that is alone may have all of it.
    let other = app.key_of("acme", "jobs:read,jobs:write", |ask| ask).await;
    let job = upload(&client).await;
    let waiting = Events::of(&client, &job).await;
    // The others need no connections to wait.
    let (jobs, permit) = (&app.runtime.services.jobs, app.permit::<rights::JobsRead>("default"));
    let _seats: Vec<WaitSlot> = iter::from_fn(|| jobs.seat(&permit)).collect();
    let crowded = client.get(&format!("{job}/events")).await.expect(503);
    assert_eq!((crowded.problem(), crowded.header("retry-after")), ("unavailable", "1"));
    assert_eq!(client.get(&format!("{job}?wait=60")).await.expect(200).json["status"], "pending", "at once");
    let form = || Form::new().part("file", Part::bytes(wav::tone(1)).file_name("a.wav"));
    let ask = |form| client.request(Method::POST, "/openai/v1/audio/transcriptions").multipart(form);
    assert_eq!(Answer::of(ask(form())).await.expect(503).header("retry-after"), "1");
    assert_eq!(client.get(PATH).await.expect(200).ids().len(), 1, "no job was made");
    let others = upload(&other).await;
    let mut events = Events::of(&other, &others).await;
    assert_eq!(events.next().await.unwrap()["status"], "pending");
    // Who goes makes room.
    drop(waiting);
    eventually("a place is free", async || client.get(&format!("{job}/events")).await.code() == 200).await;
}

#[tokio::test]
async fn events_of_a_purged_job_end() {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    let job = upload(&client).await;
    client.delete(&job).await.expect(200);
    let mut events = Events::of(&client, &job).await;
    assert_eq!(events.next().await.unwrap()["status"], "cancelled");
    assert_eq!(events.next().await, None);
    client.delete(&format!("{job}?purge=true")).await.expect(200);
    client.get(&format!("{job}/events")).await.expect(404);
}
