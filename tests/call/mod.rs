//! `POST /call`.

mod commands;
mod confirm;
mod model;
mod proposals;
mod secrets;
mod silence;
mod tools;
mod writer;

use kit::{
    app::{App, Start},
    client::{Answer, Client},
    log,
    model_server::{KEY, MODEL, ModelServer},
};
use serde_json::{Value, json};

/// The settings of a gateway with this model.
fn start(model: &ModelServer) -> Start {
    let start = Start::default().set("DALSTON_LLM_URL", &model.url);
    start.set("DALSTON_LLM_MODEL", MODEL).set("DALSTON_LLM_API_KEY", KEY)
}

/// A gateway with a model.
async fn gateway() -> (App, ModelServer) {
    let model = ModelServer::start();
    (start(&model).start().await, model)
}

/// What the client is answered. Neither the log nor a model may hold the secrets that came beside it.
async fn call(client: &Client, body: Value) -> Answer {
    let answer = client.post("/call", body).await;
    for secret in secrets_of(&answer) {
        log::guard(&secret);
        assert!(!answer.json["data"].to_string().contains(&secret), "KEY-03");
        assert!(!answer.json["response"].to_string().contains(&secret), "KEY-03");
    }
    answer
}

async fn say(client: &Client, message: &str) -> Answer {
    call(client, json!({"message": message})).await
}

/// The secrets beside an answer.
fn secrets_of(answer: &Answer) -> Vec<String> {
    let secrets = &answer.json["secrets"];
    let all = secrets["keys"].as_array().cloned().unwrap_or_else(|| vec![secrets["key"].clone()]);
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The id of the client's key.
fn id(client: &Client) -> String {
    client.id.unwrap().to_string()
}
