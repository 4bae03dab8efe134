//! A connection to the gateway, over which files are uploaded.

use crate::gateway::Gateway;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer comes within this time: an attempt at a job may take a minute.
const PATIENCE: Duration = Duration::from_secs(150);
/// Bytes of an answer that are read at most.
const MOST: usize = 1 << 20;

pub struct Door {
    address: SocketAddr,
    secret: String,
    stream: Option<TcpStream>,
}

impl Door {
    pub fn new(gateway: &Gateway) -> Self {
        Self { address: gateway.address, secret: gateway.secret.clone(), stream: None }
    }

    /// Uploads a file: the status, or 0 when there is no answer, and the body.
    pub fn upload(&mut self, file: &[u8], is_openai: bool) -> (u16, String) {
        let path = if is_openai { "/openai/v1/audio/transcriptions" } else { "/v1/audio/transcriptions" };
        let head = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
        let model = b"\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
        let body = [&head[..], file, model].concat();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.secret,
            body.len()
        );
        let whole = [request.as_bytes(), &body].concat();
        // A connection that was kept may have been closed meanwhile: once more over a new one.
        let kept = self.stream.is_some();
        let answer = self.ask(&whole).or_else(|| if kept { self.ask(&whole) } else { None });
        answer.unwrap_or_default()
    }

    fn ask(&mut self, request: &[u8]) -> Option<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).ok()?,
        };
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(request).ok()?;
        let mut read = Vec::new();
        let mut piece = [0; 16 * 1024];
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let lower = head.to_ascii_lowercase();
                let is_whole = if lower.contains("transfer-encoding: chunked") {
                    body.ends_with("0\r\n\r\n")
                } else {
                    body.len() >= lower.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?
                };
                if is_whole || read.len() > MOST {
                    let status = head.split(' ').nth(1)?.parse().ok()?;
                    if !lower.contains("connection: close") {
                        self.stream = Some(stream);
                    }
                    return Some((status, body.to_owned()));
                }
            }
            match stream.read(&mut piece) {
                Ok(count @ 1..) => read.extend(&piece[..count]),
                _ => return None,
            }
        }
    }
}
