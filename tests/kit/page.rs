//! A page on a server of its own: one that is not the gateway, and so of another origin.

use std::path::Path;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// A server that answers everything with one page, at each name of this machine.
pub struct Page {
    /// Where it listens.
    pub port: u16,
    serving: JoinHandle<()>,
}

impl Page {
    /// Serves the page of `examples/browser`.
    pub async fn serve() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/browser/index.html");
        let html = std::fs::read_to_string(file).expect("the example is there");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n";
        let answer = format!("{head}Content-Length: {}\r\n\r\n{html}", html.len());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    // A request of a browser for a page comes in one piece. Who goes away wants no answer.
                    let _ = stream.read(&mut [0; 16 * 1024]).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, serving }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
