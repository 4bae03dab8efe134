//! A client of the stream.

use crate::{log, raw::patiently};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderMap, HeaderName, HeaderValue},
    },
};

/// The path of the stream.
pub const STREAM: &str = "/v1/audio/transcriptions/stream";

/// An open stream.
pub struct Socket(WebSocketStream<TcpStream>);

/// A handshake that was answered otherwise.
#[derive(Debug)]
pub struct Refused {
    /// The status.
    pub code: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Socket {
    /// Opens a stream with this query and these headers.
    pub async fn open(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let mut request = format!("ws://{address}{STREAM}{query}").into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            // What stands there already, like the version, is replaced.
            let value = HeaderValue::from_str(value).unwrap();
            if request.headers().contains_key(&name) {
                request.headers_mut().insert(name, value);
            } else {
                request.headers_mut().append(name, value);
            }
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match patiently(client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let (head, body) = response.into_parts();
                let json = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
                Err(Refused { code: head.status.as_u16(), headers: head.headers, json })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a stream with a key in `Authorization`; the upgrade must be answered.
    pub async fn with(address: SocketAddr, secret: &str) -> Self {
        log::guard(secret);
        Self::open(address, "", &[("authorization", &format!("Bearer {secret}"))]).await.unwrap()
    }

    /// Opens a stream and waits until its session has begun.
    pub async fn begun(address: SocketAddr, secret: &str) -> Self {
        let mut socket = Self::with(address, secret).await;
        assert_eq!(socket.hear().await["type"], "session.begin");
        socket
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) {
        patiently(self.0.send(Message::text(text))).await.unwrap();
    }

    /// Sends audio.
    pub async fn play(&mut self, audio: &[u8]) {
        patiently(self.0.send(Message::binary(audio.to_vec()))).await.unwrap();
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The code and the reason with which the stream is closed: next, before any other message.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("no close: {other:?}"),
        }
    }

    async fn next(&mut self) -> Message {
        loop {
            match patiently(self.0.next()).await.unwrap().unwrap() {
                Message::Ping(_) => {}
                message => return message,
            }
        }
    }
}
