//! An OpenAI-compatible server that says what it is told to, and remembers what it was asked.

use crate::{
    log,
    patience::{PATIENCE, patiently},
};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    rt::System,
    web::{Bytes, Data, PayloadConfig, post},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// The model's name.
pub const MODEL: &str = "model-of-the-tests";
/// The key that the server wants.
pub const KEY: &str = "sk-key-of-the-model-server-0123456789";

/// What the model says in its turn.
pub enum Says {
    /// A text.
    Text(String),
    /// Tools by their names, with their arguments as they stand.
    Calls(Vec<(String, String)>),
    /// This status and body.
    Raw(u16, String),
    /// Calls of whatever the results of tools say: `call TOOL with {…}`, as often as they say it.
    Obeys,
    /// Nothing, until [`ModelServer::release`]; then what is next.
    Nothing,
}

/// A request that the server got.
#[derive(Clone)]
pub struct Heard {
    /// Its `Authorization`.
    pub authorization: String,
    /// Its path and query.
    pub path: String,
    /// Its body.
    pub body: Value,
}

/// The server.
pub struct ModelServer {
    /// Where it is: what `DALSTON_LLM_URL` holds.
    pub url: String,
    desk: Arc<Desk>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What its handlers share.
struct Desk {
    script: Mutex<VecDeque<Says>>,
    heard: watch::Sender<Vec<Heard>>,
    released: watch::Sender<bool>,
}

impl Says {
    /// A call of one tool.
    pub fn call(tool: &str, arguments: &Value) -> Self {
        Self::Calls(vec![(tool.to_owned(), arguments.to_string())])
    }

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ModelServer {
    /// Starts one that says nothing yet.
    pub fn start() -> Self {
        let desk = Arc::new(Desk {
            script: Mutex::default(),
            heard: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (send, started) = mpsc::channel();
        let shared = Data::from(desk.clone());
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    let limit = PayloadConfig::new(64 * 1024 * 1024);
                    App::new().app_data(limit).app_data(shared.clone()).route("/v1/chat/completions", post().to(answer))
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .keep_alive(PATIENCE)
                    .client_request_timeout(PATIENCE)
                    .shutdown_timeout(1)
                    .disable_signals()
                    .listen(listener)
                    .unwrap()
                    .run();
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let server = started.recv().unwrap();
        log::guard(KEY);
        Self { url, desk, server, thread: Some(thread) }
    }

    /// What it says next, one turn after another, behind what it was told before.
    pub fn says(&self, turns: impl IntoIterator<Item = Says>) {
        self.desk.script.lock().unwrap().extend(turns);
    }

    /// Lets those go on who wait for nothing.
    pub fn release(&self) {
        self.desk.released.send_replace(true);
    }

    /// Lets whoever comes to nothing wait again.
    pub fn hold(&self) {
        self.desk.released.send_replace(false);
    }

    /// All that it was asked.
    pub fn heard(&self) -> Vec<Heard> {
        self.desk.heard.borrow().clone()
    }

    /// What it was asked last.
    pub fn last(&self) -> Value {
        self.heard().pop().unwrap().body
    }

    /// The results of tools in what it was asked last.
    pub fn results(&self) -> Vec<Value> {
        let last = self.last();
        let messages = last["messages"].as_array().unwrap().iter();
        let tools = messages.filter(|message| message["role"] == "tool");
        tools.map(|message| serde_json::from_str(message["content"].as_str().unwrap()).unwrap_or_default()).collect()
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, times: usize) {
        patiently(self.desk.heard.subscribe().wait_for(|heard| heard.len() >= times)).await.unwrap();
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.release();
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn answer(desk: Data<Desk>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.map_or("", |value| value.to_str().unwrap()).to_owned();
    let heard = Heard { authorization, path: request.uri().to_string(), body: serde_json::from_slice(&body).unwrap() };
    log::transcript(&heard.body.to_string());
    desk.heard.send_modify(|all| all.push(heard));
    let next = || desk.script.lock().unwrap().pop_front();
    let mut says = next();
    while let Some(Says::Nothing) = says {
        desk.released.subscribe().wait_for(|released| *released).await.unwrap();
        says = next();
    }
    let message = match says {
        Some(Says::Text(text)) => json!({"role": "assistant", "content": text}),
        Some(Says::Calls(calls)) => calling(&calls),
        Some(Says::Obeys) => calling(&orders(&desk.heard.borrow().last().unwrap().body)),
        Some(Says::Raw(status, body)) => {
            let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
            return response.insert_header((header::LOCATION, "/v1/chat/completions")).body(body);
        }
        // A script that is too short.
        Some(Says::Nothing) | None => return HttpResponse::NotImplemented().finish(),
    };
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    HttpResponse::Ok().json(json!({"id": "x", "object": "chat.completion", "choices": [choice], "usage": {}}))
}

fn calling(calls: &[(String, String)]) -> Value {
    let call = |(number, (name, arguments)): (usize, &(String, String))| {
        let function = json!({"name": name, "arguments": arguments});
        json!({"id": format!("call-{number}"), "type": "function", "function": function})
    };
    let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

/// What the results of tools say is to be called, wherever it stands in them.
fn orders(asked: &Value) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for message in asked["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "tool") {
        let content = message["content"].as_str().unwrap();
        collect(&serde_json::from_str(content).unwrap_or_else(|_| content.into()), &mut texts);
    }
    let decoded = |text: &String| percent_decode_str(text).decode_utf8_lossy().into_owned();
    texts.iter().map(decoded).flat_map(|text| found(&text)).collect()
}

/// All texts in a value.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(object) => object.values().for_each(|item| collect(item, texts)),
        _ => {}
    }
}

fn found(text: &str) -> Vec<(String, String)> {
    let order = |words: &str| {
        let (tool, rest) = words.split_once(" with ")?;
        let arguments = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
        Some((tool.to_owned(), arguments.to_string()))
    };
    text.split("call ").skip(1).filter_map(order).collect()
}
