//! What becomes of a job: `/v1/audio/transcriptions/{job_id}` once an engine works.

mod attempts;
mod bucket;
mod cancel;
mod day;
mod deaths;
mod export;
mod length;
mod overhead;
mod retention;
mod s3;
mod share;
mod speech;
mod wait;

use kit::{
    app::{App, Start},
    client::{Answer, Client},
    patience::{eventually, patiently},
    scribe::{Scribe, Turn},
    wav,
};
use std::sync::Arc;

const PATH: &str = "/v1/audio/transcriptions";

/// A gateway whose engine does these turns, and somebody who uploads.
async fn working(turns: &[Turn]) -> (App, Arc<Scribe>, Client) {
    working_with(Start::default(), turns).await
}

/// The same, started like this.
async fn working_with(start: Start, turns: &[Turn]) -> (App, Arc<Scribe>, Client) {
    let scribe = Scribe::new(turns);
    let app = start.engine(scribe.clone()).start().await;
    let client = app.key("jobs:read,jobs:write").await;
    (app, scribe, client)
}

/// A new job; its path.
async fn upload(client: &Client) -> String {
    let made = client.upload(wav::tone(1), "a.wav").await.expect(201);
    format!("{PATH}/{}", made.json["id"].as_str().unwrap())
}

/// The job once it has ended.
async fn ended(client: &Client, job: &str) -> Answer {
    patiently(async {
        loop {
            let shown = client.get(&format!("{job}?wait=60")).await.expect(200);
            if !shown.json["completed_at"].is_null() {
                return shown;
            }
        }
    })
    .await
}

/// Waits until the job has this status.
async fn becomes(client: &Client, job: &str, status: &str) {
    eventually(status, async || client.get(job).await.expect(200).json["status"] == status).await;
}

/// The actions that were recorded of a job, oldest first.
async fn recorded(app: &App, job: &str) -> Vec<String> {
    let id = job.rsplit('/').next().unwrap();
    let log = app.master().get("/v1/audit?limit=100").await.expect(200);
    let records = log.json.as_array().unwrap().iter().rev();
    let of = records.filter(|record| record["target"]["id"] == id);
    of.map(|record| record["action"].as_str().unwrap().to_owned()).collect()
}
