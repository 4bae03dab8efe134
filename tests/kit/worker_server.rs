//! A worker of streams on a socket of its own, of good or bad manners.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

/// How a worker behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Answers audio with a partial of its length, `flush` with a final, and `end` with the end.
    Good,
    /// Answers the handshake with 503.
    Busy,
    /// Is gone at the first audio.
    Mortal,
    /// Reads nothing.
    Deaf,
    /// Hears all, and says nothing.
    Mute,
    /// Says what no client knows, then what is no JSON, then the end.
    Strange,
    /// Says long messages as long as somebody takes them.
    Talkative,
}

/// A worker that serves. Dropped, it is gone, and its sessions with it.
pub struct WorkerServer {
    /// `ws://127.0.0.1:port/session`.
    pub url: String,
    /// What it has seen.
    pub seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

/// What a worker has seen.
#[derive(Default)]
pub struct Seen {
    /// The targets of its handshakes.
    pub targets: Mutex<Vec<String>>,
    /// The messages of its clients: texts, or `audio` and the length.
    pub heard: Mutex<Vec<String>>,
    /// Its open sessions.
    pub open: AtomicUsize,
    /// Messages that it said.
    pub said: AtomicUsize,
}

impl Seen {
    /// Its open sessions.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// What it heard of this text.
    pub fn heard(&self, text: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|heard| *heard == text).count()
    }
}

impl WorkerServer {
    /// Starts it on the runtime of the test.
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let accepting = tokio::spawn({
            let seen = seen.clone();
            async move {
                // Sessions end with it.
                let mut sessions = tokio::task::JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    sessions.spawn(serve(stream, manners, seen.clone()));
                }
            }
        });
        Self { url: format!("ws://{address}/session"), seen, accepting }
    }

    /// What it registers with.
    pub fn about(&self, capacity: u32) -> Value {
        json!({"url": self.url, "capacity": capacity})
    }
}

impl Drop for WorkerServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Counts a session for as long as it lives.
struct Counted(Arc<Seen>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve(stream: TcpStream, manners: Manners, seen: Arc<Seen>) {
    #[expect(clippy::result_large_err, reason = "the type of the crate")]
    let greet = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        seen.targets.lock().unwrap().push(request.uri().to_string());
        if manners == Manners::Busy {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = "503".parse().unwrap();
            return Err(refused);
        }
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr_async(stream, greet).await else { return };
    seen.open.fetch_add(1, Ordering::SeqCst);
    let _counted = Counted(seen.clone());
    match manners {
        Manners::Deaf => std::future::pending().await,
        Manners::Talkative => {
            let text = json!({"type": "transcript.partial", "text": "x".repeat(64 * 1024)}).to_string();
            while socket.send(Message::text(text.clone())).await.is_ok() {
                seen.said.fetch_add(1, Ordering::SeqCst);
            }
            return;
        }
        Manners::Strange => {
            for text in [r#"{"type":"session.begin"}"#, r#"{"type":"news"}"#, "[]", "nonsense"] {
                socket.send(Message::text(text)).await.unwrap();
            }
        }
        _ => {}
    }
    while let Some(Ok(message)) = socket.next().await {
        let answer = match message {
            Message::Binary(audio) => {
                seen.heard.lock().unwrap().push(format!("audio {}", audio.len()));
                if manners == Manners::Mortal {
                    return;
                }
                json!({"type": "transcript.partial", "text": audio.len().to_string()})
            }
            Message::Text(text) => {
                seen.heard.lock().unwrap().push(text.to_string());
                let kind: Value = serde_json::from_str(&text).unwrap();
                match kind["type"].as_str() {
                    Some("end") => json!({"type": "session.end", "transcript": "all"}),
                    Some("flush") => json!({"type": "transcript.final", "text": "hello world"}),
                    _ => continue,
                }
            }
            Message::Close(_) => return,
            _ => continue,
        };
        if manners != Manners::Mute && socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
    }
}
