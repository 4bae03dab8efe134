//! `POST /v1/audio/transcriptions`, with a body.

mod audio;
mod cut;
mod forms;
mod limits;
mod matrix;
mod memory;
mod order;
mod recovery;
mod repeats;

use kit::{
    app::App,
    client::{Answer, Client},
    process::files,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

const PATH: &str = "/v1/audio/transcriptions";

/// A gateway and somebody who may upload.
async fn uploading() -> (App, Client) {
    let app = App::start().await;
    let client = app.key("jobs:read,jobs:write").await;
    (app, client)
}

/// A file for a form.
fn file(bytes: impl Into<Vec<u8>>) -> Part {
    Part::bytes(bytes.into()).file_name("a.wav")
}

async fn send(client: &Client, form: Form) -> Answer {
    Answer::of(client.request(Method::POST, PATH).multipart(form)).await
}

/// Nothing is left of what was refused: no file, no job.
async fn assert_nothing(app: &App, client: &Client) {
    assert_eq!(files(&app.data.path().join("audio/incoming")), [""; 0], "UPL-06");
    assert_eq!(files(&app.data.path().join("audio")), [""; 0], "UPL-06");
    assert_eq!(client.get(PATH).await.expect(200).json, json!([]));
}
