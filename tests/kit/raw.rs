//! A connection without a client library: bytes out, bytes in, for requests that no library would send.

use crate::patience::patiently;
use serde_json::Value;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Between two bytes of a client that drips them, unless something comes sooner.
const STEP: Duration = Duration::from_millis(5);

/// A connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its status.
    pub code: u16,
    /// Its head in lower case, with the line of its status.
    pub head: String,
    /// Its body, as JSON; null when it is none.
    pub json: Value,
}

/// A WebSocket frame of a client, masked as it must be, unless told.
pub struct Frame<'a> {
    /// The first byte: FIN, reserved bits, opcode.
    pub first: u8,
    /// Whether it is masked.
    pub masked: bool,
    /// What it carries.
    pub payload: &'a [u8],
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// Sends all of it.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends all of it, unless the other side does not want it.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        patiently(self.stream.write_all(bytes.as_ref())).await
    }

    /// Reads an answer: its head, then as much body as the head says.
    pub async fn reply(&mut self) -> Reply {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap().to_ascii_lowercase();
            }
            assert!(self.more().await, "the connection ended without an answer: {:?}", self.read);
        };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |it| it.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await, "the body of {head} ended too soon");
        }
        let body: Vec<u8> = self.read.drain(..length).collect();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { code, head, json: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Sends this again and again, until the other side has had enough and ends the connection; reads its answer
    /// meanwhile.
    pub async fn flood(mut self, piece: &[u8]) -> Reply {
        let (mut from, mut to) = self.stream.split();
        let sending = async { while to.write_all(piece).await.is_ok() {} };
        // However it ends: what came before counts.
        let _ = patiently(async { tokio::join!(sending, from.read_to_end(&mut self.read)) }).await;
        self.reply().await
    }

    /// Sends this byte by byte, again and again, until the other side ends the connection; what it said meanwhile.
    pub async fn drip(mut self, text: &[u8]) -> String {
        let dripping = async {
            for byte in text.iter().cycle() {
                if self.stream.write_all(&[*byte]).await.is_err() || timeout(STEP, self.more()).await == Ok(false) {
                    break;
                }
            }
        };
        patiently(dripping).await;
        String::from_utf8(self.read).unwrap()
    }

    /// Waits until the other side has ended the connection, be it in order or not; what came before is passed over.
    pub async fn ended(mut self) {
        while self.more().await {}
    }

    /// Asks for a WebSocket and becomes one.
    pub async fn upgrade(address: SocketAddr, path: &str, secret: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(handshake(address, path, secret)).await;
        assert_eq!(raw.reply().await.code, 101);
        raw
    }

    /// Reads frames of the gateway until one closes, and gives its code.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            let frame = self.frame().await;
            if frame[0] & 0x0f == 8 {
                return u16::from_be_bytes([frame[2], frame[3]]);
            }
        }
    }

    /// Reads frames of the gateway until one closes, and gives the texts before.
    pub async fn texts_until_closed(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let frame = self.frame().await;
            match frame[0] & 0x0f {
                8 => return texts,
                1 => texts.push(String::from_utf8_lossy(&frame).into_owned()),
                _ => {}
            }
        }
    }

    /// Passes over frames of the gateway up to the next text, and gives it.
    pub async fn text(&mut self) -> String {
        loop {
            let frame = self.frame().await;
            if frame[0] & 0x0f == 1 {
                return String::from_utf8_lossy(&frame).into_owned();
            }
        }
    }

    /// Reads frames of the gateway until so many pongs have come.
    pub async fn pongs(&mut self, mut count: usize) {
        while count > 0 {
            count -= usize::from(self.frame().await[0] & 0x0f == 10);
        }
    }

    /// Reads frames of the gateway until one closes. How many pongs came before, and the code.
    pub async fn pongs_until_closed(&mut self) -> (usize, u16) {
        let mut pongs = 0;
        loop {
            let frame = self.frame().await;
            match frame[0] & 0x0f {
                8 => return (pongs, u16::from_be_bytes([frame[2], frame[3]])),
                10 => pongs += 1,
                _ => {}
            }
        }
    }

    async fn frame(&mut self) -> Vec<u8> {
        while self.read.len() < 2 || self.read.len() < frame_length(&self.read) {
            assert!(self.more().await, "the connection ended without a close frame");
        }
        let length = frame_length(&self.read);
        self.read.drain(..length).collect()
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 8_192];
        let read = patiently(self.stream.read(&mut piece)).await.unwrap_or(0);
        self.read.extend_from_slice(&piece[..read]);
        read > 0
    }
}

impl Frame<'_> {
    /// Its bytes. The mask changes nothing, as RFC 6455 allows.
    pub fn bytes(&self) -> Vec<u8> {
        let mask = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(mask | length as u8),
            length @ 126..=0xffff => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(self.payload);
        bytes
    }
}

/// The request for a WebSocket.
pub(crate) fn handshake(address: SocketAddr, path: &str, secret: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// How long an unmasked frame is that begins so, as far as its first two bytes tell; a server's are short here.
fn frame_length(bytes: &[u8]) -> usize {
    match bytes[1] {
        126 if bytes.len() >= 4 => 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
        126 => 4,
        length => 2 + usize::from(length),
    }
}
