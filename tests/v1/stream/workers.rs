//! Workers on sockets of their own: what goes through, and what happens when one is slow, strange or gone.

use kit::{
    app::{App, Start},
    client::Client,
    process::eventually,
    socket::Socket,
    worker_server::{Manners, WorkerServer},
};
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

/// A gateway with a worker of these manners, and a client that may stream.
async fn with_worker(manners: Manners) -> (App, WorkerServer, Client) {
    let app = App::start().await;
    let worker = WorkerServer::start(manners).await;
    app.key("worker").await.put("/v1/workers/w", worker.about(4)).await.expect(200);
    let client = app.key("realtime").await;
    (app, worker, client)
}

/// How many slots of the worker are taken.
async fn taken(app: &App) -> u64 {
    app.key("worker").await.get("/v1/workers").await.expect(200).json[0]["sessions"].as_u64().unwrap()
}

#[tokio::test]
async fn frames_go_both_ways_as_they_came_and_the_session_stands_in_the_query() {
    let (app, worker, client) = with_worker(Manners::Good).await;
    let secret = client.secret.unwrap();
    let query = "?language=de&model=a%26b&encoding=alaw&sample_rate=8000";
    let mut socket = Socket::open(app.address, query, &[("x-api-key", &secret)]).await.unwrap();
    let session = socket.hear().await["session_id"].as_str().unwrap().to_owned();
    for length in [0, 1, 3_200, 64 * 1024] {
        socket.play(&vec![7; length]).await;
        assert_eq!(socket.hear().await, json!({"type": "transcript.partial", "text": length.to_string()}));
    }
    let odd = r#"{ "type" : "flush",  "of": [1.50] }"#;
    socket.say(odd).await;
    assert_eq!(socket.hear().await["text"], "hello world");
    assert_eq!(worker.seen.heard(odd), 1, "byte for byte");
    assert_eq!(taken(&app).await, 1);
    socket.say(r#"{"type":"end"}"#).await;
    assert_eq!(socket.hear().await, json!({"type": "session.end", "transcript": "all"}));
    assert_eq!(socket.closed().await, (1000, "Session ended".to_owned()));
    let target = format!("/session?session_id={session}&language=de&model=a%26b&encoding=alaw&sample_rate=8000");
    assert_eq!(*worker.seen.targets.lock().unwrap(), [target]);
    eventually("the slot is free", async || taken(&app).await == 0 && worker.seen.open() == 0).await;
}

#[tokio::test]
async fn a_lost_client_ends_the_session_with_its_worker_and_frees_the_slot() {
    let (app, worker, client) = with_worker(Manners::Good).await;
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    socket.play(&[0; 320]).await;
    drop(socket);
    eventually("the worker hears the end", async || worker.seen.heard(r#"{"type":"end"}"#) == 1).await;
    eventually("the slot is free", async || taken(&app).await == 0 && worker.seen.open() == 0).await;
}

#[tokio::test]
async fn a_worker_that_is_gone_is_told_and_its_slot_is_free() {
    let (app, worker, client) = with_worker(Manners::Mortal).await;
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    socket.play(&[0; 320]).await;
    let error = json!({
        "type": "error", "code": "worker_lost", "message": "The worker is gone", "recoverable": true,
    });
    assert_eq!(socket.hear().await, error);
    assert_eq!(socket.closed().await, (1011, "The worker is gone".to_owned()));
    eventually("the slot is free", async || taken(&app).await == 0 && worker.seen.open() == 0).await;
}

#[tokio::test]
async fn what_no_client_knows_is_not_passed_on() {
    let (app, _worker, client) = with_worker(Manners::Strange).await;
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    socket.play(&[0; 10]).await;
    assert_eq!(socket.hear().await["text"], "10");
}

#[tokio::test]
async fn a_worker_that_reads_nothing_makes_its_client_wait() {
    let (app, _worker, client) = with_worker(Manners::Deaf).await;
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    // What the buffers of two sockets on this machine may hold, and some frames between them.
    let most = 1_000;
    let sent = socket.pour(&vec![0; 60_000], most).await;
    assert!(sent < most, "FLOW {sent} frames of 60 KB were taken for a worker that takes none");
}

#[tokio::test]
async fn a_client_that_reads_nothing_makes_the_worker_wait() {
    let (app, worker, client) = with_worker(Manners::Talkative).await;
    let _socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    let said = || worker.seen.said.load(Ordering::SeqCst);
    // It says nothing more, however often one looks.
    let (mut before, mut still) = (0, 0);
    eventually("the worker waits", async || {
        let now = said();
        still = if std::mem::replace(&mut before, now) == now && now > 0 { still + 1 } else { 0 };
        still == 50
    })
    .await;
    assert!(said() < 1_000, "FLOW {} messages of 64 KiB for a client that reads none", said());
}

#[tokio::test]
async fn a_client_whose_key_is_revoked_reads_4001_and_its_worker_hears_the_end() {
    let (app, worker, client) = with_worker(Manners::Good).await;
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    app.key("admin").await.delete(&format!("/auth/keys/{}", client.id.unwrap())).await.expect(200);
    assert_eq!(socket.closed().await, (4001, "Invalid API key".to_owned()));
    eventually("the worker hears the end", async || worker.seen.heard(r#"{"type":"end"}"#) == 1).await;
    eventually("the slot is free", async || taken(&app).await == 0).await;
}

#[tokio::test]
async fn workers_of_the_settings_serve_every_tenant() {
    let worker = WorkerServer::start(Manners::Good).await;
    let app = Start::default().set("DALSTON_WORKERS", &format!("{}#2", worker.url)).start().await;
    app.runtime.run_upkeep_once().await;
    let client = app.key_of("acme", "realtime,worker", |ask| ask).await;
    let listed = client.get("/v1/workers").await.expect(200).json;
    assert_eq!((&listed[0]["tenant_id"], &listed[0]["capacity"]), (&json!(null), &json!(2)));
    assert!(listed[0]["id"].as_str().unwrap().starts_with("fixed.127.0.0.1_"), "{listed}");
    let mut socket = Socket::begun(app.address, client.secret.as_ref().unwrap()).await;
    socket.play(&[0; 5]).await;
    assert_eq!(socket.hear().await["text"], "5");
    // It stays for as long as the gateway ticks.
    app.pass(Duration::from_secs(75)).await;
    socket.play(&[0; 6]).await;
    assert_eq!(socket.hear().await["text"], "6");
    let status = app.key("admin").await.get("/status").await.expect(200).json;
    assert_eq!(status["admin"]["workers"]["registered"][0]["sessions"], 1);
}
