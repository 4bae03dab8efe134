//! The endpoint of a webhook: answers as it is told to, and remembers what it was sent.

use crate::patience::{PATIENCE, patiently};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    rt::System,
    web::{self, Bytes, Data},
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// How it answers; unless told, with 200.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// With this status.
    Status(u16),
    /// With a redirect to this URL.
    Redirect(String),
    /// Not before [`Receiver::release`]; then with 200.
    Nothing,
}

/// A delivery as it came.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Heard {
    /// Its path.
    pub path: String,
    /// Its headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, to the byte.
    pub body: String,
}

/// The server.
pub struct Receiver {
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Its port.
    pub port: u16,
    desk: Arc<Desk>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What its handlers share.
struct Desk {
    script: Mutex<VecDeque<Answers>>,
    heard: watch::Sender<Vec<Heard>>,
    released: watch::Sender<bool>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::start()
    }
}

impl Receiver {
    /// Starts one.
    pub fn start() -> Self {
        let desk = Arc::new(Desk {
            script: Mutex::default(),
            heard: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, started) = mpsc::channel();
        let shared = Data::from(desk.clone());
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || App::new().app_data(shared.clone()).default_service(web::to(answer));
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
        Self { url: format!("http://127.0.0.1:{port}"), port, desk, server, thread: Some(thread) }
    }

    /// How it answers next, one delivery after another.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answers>) {
        self.desk.script.lock().unwrap().extend(answers);
    }

    /// Answers those who wait.
    pub fn release(&self) {
        self.desk.released.send_replace(true);
    }

    /// All that it was sent.
    pub fn heard(&self) -> Vec<Heard> {
        self.desk.heard.borrow().clone()
    }

    /// Waits until it was sent so many; gives all.
    pub async fn sent(&self, times: usize) -> Vec<Heard> {
        patiently(self.desk.heard.subscribe().wait_for(|heard| heard.len() >= times)).await.unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.release();
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn answer(desk: Data<Desk>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let heard = Heard { path: request.uri().to_string(), headers, body };
    desk.heard.send_modify(|all| all.push(heard));
    let next = desk.script.lock().unwrap().pop_front();
    match next {
        None => HttpResponse::Ok().finish(),
        Some(Answers::Status(status)) => HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish(),
        Some(Answers::Redirect(to)) => HttpResponse::Found().insert_header((header::LOCATION, to)).finish(),
        Some(Answers::Nothing) => {
            desk.released.subscribe().wait_for(|released| *released).await.unwrap();
            HttpResponse::Ok().finish()
        }
    }
}
