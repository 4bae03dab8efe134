//! A connection that is kept: requests one after the other, and their answers.

use anyhow::{Context, Result, ensure};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than a store's deadline.
const PATIENCE: Duration = Duration::from_secs(30);

/// To a gateway.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What came back.
pub(crate) struct Answer {
    /// Its status code.
    pub(crate) status: u16,
    /// Its body, which is text.
    pub(crate) body: String,
}

impl Connection {
    /// Opens one.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Asks `request`, such as `GET /auth/me`, with this key and perhaps a body of JSON.
    pub(crate) fn ask(&mut self, request: &str, key: &str, body: &str) -> Result<Answer> {
        self.send(request, key, body)?;
        self.receive()
    }

    /// Sends a request and waits for nothing.
    pub(crate) fn send(&mut self, request: &str, key: &str, body: &str) -> Result<()> {
        let (address, length) = (self.address, body.len());
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let text = format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n{kind}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }

    /// Receives the answer to what was sent.
    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no status: {line:?}"))?;
        let mut length = 0;
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the answer ends in its head");
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body: String::from_utf8(body)? })
    }
}
