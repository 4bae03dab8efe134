//! Test server that sends a given response, byte by byte, and records the requests.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The response.
#[derive(Clone)]
pub(super) enum Answer {
    /// These bytes; then the server closes the connection.
    Bytes(String),
    /// These bytes; then more chunks without an end.
    Endless(String),
    /// No response while the client waits.
    Silence,
}

/// The server.
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    answer: watch::Sender<Answer>,
    released: watch::Sender<bool>,
}

impl Server {
    /// Starts a server that sends this response.
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, released) = (watch::Sender::new(answer), watch::Sender::new(true));
        let (heads, answers, gate) = (asked.clone(), answer.subscribe(), released.subscribe());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, heads.clone(), answers.clone(), gate.clone()));
            }
        });
        Self { url: format!("http://{address}"), asked, answer, released }
    }

    /// Changes the response.
    pub(super) fn answer(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    /// Holds all responses back until `release`.
    pub(super) fn hold(&self) {
        self.released.send_replace(false);
    }

    /// Sends the responses that were held back.
    pub(super) fn release(&self) {
        self.released.send_replace(true);
    }

    /// The heads of all requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The number of requests so far.
    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }
}

async fn serve(
    mut socket: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    answers: watch::Receiver<Answer>,
    mut released: watch::Receiver<bool>,
) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = socket.read_buf(&mut request).await.unwrap_or(0);
        if read == 0 {
            return;
        }
    }
    asked.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    let _ = released.wait_for(|released| *released).await;
    let answer = answers.borrow().clone();
    match answer {
        Answer::Bytes(bytes) => {
            let _ = socket.write_all(bytes.as_bytes()).await;
        }
        Answer::Endless(bytes) => {
            let _ = socket.write_all(bytes.as_bytes()).await;
            // One chunk of 16 spaces, which a JSON parser skips.
            while socket.write_all(b"10\r\n                \r\n").await.is_ok() {}
        }
        Answer::Silence => {
            let _ = socket.read(&mut [0; 1]).await;
        }
    }
}

/// A complete response.
pub(super) fn answer(status: &str, content_type: &str, headers: &str, body: &str) -> Answer {
    Answer::Bytes(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A success with a JSON body.
pub(super) fn json(body: &str) -> Answer {
    answer("200 OK", "application/json", "", body)
}

/// A response with problem details.
pub(super) fn problem(status: u16, code: &str, headers: &str) -> Answer {
    let body = format!(r#"{{"type": "t", "title": "t", "status": {status}, "detail": "d", "code": "{code}"}}"#);
    answer(&format!("{status} Status"), "application/problem+json", headers, &body)
}

/// Responses that a gateway never sends.
pub(super) fn foreign(elsewhere: &str) -> Vec<(&'static str, Answer)> {
    let endless = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 900\r\n\r\n{\"id\":";
    let redirect = |status| answer(status, "application/json", &format!("location: {elsewhere}/auth/me\r\n"), "{}");
    vec![
        ("a page", answer("200 OK", "text/html", "", "<html>hello</html>")),
        ("a page that is JSON by its word", json("<html>hello</html>")),
        (
            "no media type",
            Answer::Bytes("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_owned()),
        ),
        ("JSON of a problem's type", answer("200 OK", "application/problem+json", "", "{}")),
        ("half of a text", json("{\"id\": \"0189")),
        ("half of a body", Answer::Bytes(cut.to_owned())),
        ("a huge body", json(&format!("{{\"pad\": \"{}\"}}", "a".repeat(100 << 10)))),
        ("a body without an end", Answer::Endless(endless.to_owned())),
        ("a redirect", redirect("302 Found")),
        ("a redirect that keeps the method", redirect("307 Temporary Redirect")),
        ("a permanent redirect", redirect("308 Permanent Redirect")),
        ("no HTTP", Answer::Bytes("SSH-2.0-OpenSSH_9.2\r\n".to_owned())),
        ("nothing", Answer::Bytes(String::new())),
        ("a proxy's 401", answer("401 Unauthorized", "text/html", "www-authenticate: Basic\r\n", "no")),
        ("a proxy's 429", answer("429 Too Many Requests", "text/plain", "retry-after: 7\r\n", "slow")),
        ("a proxy's 502", answer("502 Bad Gateway", "text/html", "", "<html>502</html>")),
        ("another service's problem", problem(401, "no_code_of_a_gateway", "")),
        ("a problem that is none", answer("401 Unauthorized", "application/problem+json", "", "[]")),
    ]
}
