//! A client of the stream.

use crate::{log, patience::patiently};
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderMap, HeaderName, HeaderValue},
    },
};

/// A message that is not taken for so long waits for somebody who is slow.
const STUCK: std::time::Duration = std::time::Duration::from_secs(2);

/// The path of the stream.
pub const STREAM: &str = "/v1/audio/transcriptions/stream";

/// The path of the stream as with OpenAI.
pub const REALTIME: &str = "/openai/v1/realtime?intent=transcription";

/// An open stream.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that was agreed on; empty: none.
    pub protocol: String,
}

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
        Self::at(address, &format!("{STREAM}{query}"), headers).await
    }

    /// Opens a stream at this path with these headers.
    pub async fn at(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        Self::shake(address, &format!("ws://{address}{path}"), None, headers).await
    }

    /// Opens a stream over TLS at this address, whose name is in `url`, with a key; the upgrade must be answered.
    pub async fn secured(address: SocketAddr, url: &str, query: &str, config: Arc<ClientConfig>, secret: &str) -> Self {
        let url = format!("{}{STREAM}{query}", url.replacen("https", "wss", 1));
        let headers = [("authorization", &*format!("Bearer {secret}"))];
        Self::shake(address, &url, Some(Connector::Rustls(config)), &headers).await.unwrap()
    }

    async fn shake(
        address: SocketAddr,
        url: &str,
        connector: Option<Connector>,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let mut request = url.into_client_request().unwrap();
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
        match patiently(client_async_tls_with_config(request, stream, None, connector)).await {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
                Ok(Self { stream, protocol })
            }
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
        patiently(self.stream.send(Message::text(text))).await.unwrap();
    }

    /// Sends audio.
    pub async fn play(&mut self, audio: &[u8]) {
        patiently(self.stream.send(Message::binary(audio.to_vec()))).await.unwrap();
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

    /// The next message, or the code with which the stream is closed.
    pub async fn either(&mut self) -> Result<Value, u16> {
        match self.next().await {
            Message::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
            Message::Close(Some(frame)) => Err(frame.code.into()),
            other => panic!("neither: {other:?}"),
        }
    }

    /// The messages until one of this type, and that one.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.hear().await);
            if heard.last().is_some_and(|last| last["type"] == kind) {
                return heard;
            }
        }
    }

    /// Sends as long as it is taken: so many messages of this audio, until one is not taken for two seconds.
    pub async fn pour(&mut self, audio: &[u8], most: usize) -> usize {
        for sent in 0..most {
            let sending = self.stream.send(Message::binary(audio.to_vec()));
            if tokio::time::timeout(STUCK, sending).await.is_err() {
                return sent;
            }
        }
        most
    }

    async fn next(&mut self) -> Message {
        loop {
            match patiently(self.stream.next()).await.unwrap().unwrap() {
                Message::Ping(_) => {}
                message => return message,
            }
        }
    }
}
