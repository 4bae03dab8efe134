//! One request on a connection of its own.

use anyhow::{Result, ensure};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
pub(crate) struct Answer {
    /// Its status code.
    pub(crate) status: u16,
    /// Names in lower case, and values, in their order.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body: no peer sends one in chunks.
    pub(crate) body: String,
}

/// Asks `request`, such as `GET /auth/me`, with this key and perhaps a body of JSON.
pub(crate) fn ask(address: SocketAddr, request: &str, key: &str, body: Option<&str>) -> Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    // Not to the end: some reset a connection that they close.
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut part)?;
        text.extend_from_slice(&part[..length]);
        let so_far = String::from_utf8_lossy(&text);
        if let Some(answer) = parse(&so_far) {
            return Ok(answer);
        }
        ensure!(length > 0, "{request} was answered with {so_far:?}");
    }
}

/// `None` while there is no whole answer.
fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let length: usize = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    (body.len() == length).then(|| Answer { status, headers, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_status_headers_and_body() {
        let answer =
            parse("HTTP/1.1 403 Forbidden\r\nRateLimit: \"key\";r=1\r\nContent-Length: 8\r\n\r\n{\"a\": 1}").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (403, "{\"a\": 1}"));
        assert_eq!(answer.headers[0], ("ratelimit".to_owned(), "\"key\";r=1".to_owned()));
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(parse("HTTP/1.1 200 OK\r\nDate: today").is_none());
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").is_none());
    }
}
