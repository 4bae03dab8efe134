//! An OpenAI-compatible server that transcribes: it says what it is told to, and remembers what it was asked.

use crate::{
    log,
    patience::{PATIENCE, patiently},
};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    rt::System,
    web::{Bytes, Data, PayloadConfig, get, post},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// The models that it lists.
pub const MODELS: [&str; 2] = ["whisper-of-the-tests", "another-model"];
/// The key that the gateway has for it.
pub const KEY: &str = "sk-key-of-the-engine-server-0123456789";
/// What it hears in everything.
pub const TEXT: &str = "Good morning. Nobody knows <what> happens & why.";

/// How it answers a request for a transcript.
pub enum Answers {
    /// This status and body.
    Raw(u16, String),
    /// Nothing, until [`EngineServer::release`]; then as usual.
    Slowly,
}

/// A request for a transcript.
#[derive(Clone, Debug)]
pub struct Heard {
    /// `transcriptions` or `translations`.
    pub task: String,
    /// Its `Authorization`.
    pub authorization: String,
    /// Its fields but the file, in order.
    pub fields: Vec<(String, String)>,
    /// What the file is called.
    pub filename: String,
    /// Its media type, as its part says it.
    pub media_type: Option<String>,
    /// The file.
    pub audio: Vec<u8>,
}

/// The server.
pub struct EngineServer {
    /// Where it is: what `DALSTON_ENGINE_URL` holds.
    pub url: String,
    desk: Arc<Desk>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What its handlers share.
struct Desk {
    script: Mutex<VecDeque<Answers>>,
    heard: watch::Sender<Vec<Heard>>,
    released: watch::Sender<bool>,
    knows_verbose: watch::Sender<bool>,
    lists: AtomicUsize,
}

impl Heard {
    /// The values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl EngineServer {
    /// Starts one.
    pub fn start() -> Self {
        let desk = Arc::new(Desk {
            script: Mutex::default(),
            heard: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
            knows_verbose: watch::Sender::new(true),
            lists: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (send, started) = mpsc::channel();
        let shared = Data::from(desk.clone());
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(PayloadConfig::new(64 * 1024 * 1024))
                        .app_data(shared.clone())
                        .route("/v1/models", get().to(models))
                        .route("/v1/audio/{task}", post().to(answer))
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

    /// How it answers the next requests, one after another; then as usual.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answers>) {
        self.desk.script.lock().unwrap().extend(answers);
    }

    /// How often it was asked for its models.
    pub fn lists(&self) -> usize {
        self.desk.lists.load(Ordering::Relaxed)
    }

    /// Lets those go on who wait.
    pub fn release(&self) {
        self.desk.released.send_replace(true);
    }

    /// From now on it knows `json` only, as some models do.
    pub fn forget_verbose(&self) {
        self.desk.knows_verbose.send_replace(false);
    }

    /// All that it was asked.
    pub fn heard(&self) -> Vec<Heard> {
        self.desk.heard.borrow().clone()
    }

    /// What it was asked last.
    pub fn last(&self) -> Heard {
        self.heard().pop().unwrap()
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, times: usize) {
        patiently(self.desk.heard.subscribe().wait_for(|heard| heard.len() >= times)).await.unwrap();
    }
}

impl Drop for EngineServer {
    fn drop(&mut self) {
        self.release();
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn models(desk: Data<Desk>) -> HttpResponse {
    desk.lists.fetch_add(1, Ordering::Relaxed);
    let models: Vec<Value> = MODELS.iter().map(|id| json!({"id": id, "object": "model", "created": 1})).collect();
    HttpResponse::Ok().json(json!({"object": "list", "data": models}))
}

async fn answer(desk: Data<Desk>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let head = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut heard = Heard {
        task: request.match_info()["task"].to_owned(),
        authorization: head(header::AUTHORIZATION),
        fields: Vec::new(),
        filename: String::new(),
        media_type: None,
        audio: Vec::new(),
    };
    for Part { name, filename, media_type, value } in parts(&head(header::CONTENT_TYPE), &body) {
        match filename {
            Some(filename) => (heard.filename, heard.media_type, heard.audio) = (filename, media_type, value),
            None => heard.fields.push((name, String::from_utf8(value).unwrap())),
        }
    }
    let verbose = heard.all("response_format") == ["verbose_json"];
    let words = heard.all("timestamp_granularities[]").contains(&"word");
    desk.heard.send_modify(|all| all.push(heard));
    let script = desk.script.lock().unwrap().pop_front();
    match script {
        Some(Answers::Raw(status, body)) => {
            return HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body);
        }
        Some(Answers::Slowly) => {
            desk.released.subscribe().wait_for(|released| *released).await.unwrap();
        }
        None => {}
    }
    if verbose && !*desk.knows_verbose.borrow() {
        return HttpResponse::BadRequest().json(json!({"error": {"message": "response_format is not compatible"}}));
    }
    HttpResponse::Ok().json(if verbose { transcript(words) } else { json!({"text": TEXT}) })
}

/// What it hears, as `verbose_json`.
pub fn transcript(words: bool) -> Value {
    let segment = |id: u32, start: f64, end: f64, text: &str| {
        json!({"id": id, "seek": 0, "start": start, "end": end, "text": text, "tokens": [1, 2], "temperature": 0.0,
            "avg_logprob": -0.25, "compression_ratio": 1.1, "no_speech_prob": 0.01})
    };
    let mut transcript = json!({
        "task": "transcribe",
        "language": "english",
        "duration": 5.5,
        "text": TEXT,
        "segments": [
            segment(0, 1.0005, 2.25, " Good morning."),
            segment(1, 3.5, 5.0, " Nobody knows <what> happens & why."),
        ],
    });
    if words {
        let said = [("Good", 1.1, 1.5), ("morning", 1.5, 2.2), ("Nobody", 3.5, 4.0), ("knows", 4.0, 4.2)];
        let said = said.map(|(word, start, end)| json!({"word": word, "start": start, "end": end}));
        transcript["words"] = said.into_iter().collect();
    }
    transcript
}

/// A part of a form; one that is a file has a name for that.
struct Part {
    name: String,
    filename: Option<String>,
    media_type: Option<String>,
    value: Vec<u8>,
}

fn parts(content_type: &str, body: &[u8]) -> Vec<Part> {
    let boundary = format!("\r\n--{}", content_type.split_once("boundary=").unwrap().1.trim_matches('"'));
    let body = [b"\r\n", body].concat();
    let mut places: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&body[at..], boundary.as_bytes()) {
        places.push(at + found);
        at += found + boundary.len();
    }
    let part = |window: &[usize]| {
        let part = &body[window[0] + boundary.len() + 2..window[1]];
        let gap = find(part, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(part[..gap].to_vec()).unwrap();
        let given = |name: &str| Some(head.split_once(&format!("; {name}=\""))?.1.split_once('"')?.0.to_owned());
        let media_type = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).map(str::to_owned);
        Part { name: given("name").unwrap(), filename: given("filename"), media_type, value: part[gap + 4..].to_vec() }
    };
    places.windows(2).map(part).collect()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
