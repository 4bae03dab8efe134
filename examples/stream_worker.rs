//! A stream worker: a WebSocket server that registers at a gateway and answers audio with the amount received.
//!
//! `DALSTON_API_KEY=… cargo run --bin stream-worker -- http://localhost:8000 my-worker 4`, with a key of the scope
//! `worker`. It stays registered as long as it sends its heartbeat every ten seconds, and its sessions end with it.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::interval,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// The registration of a worker expires after thirty seconds without a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Bytes of one second of audio: 16 kHz of 16 bits.
const BYTES_PER_SECOND: f64 = 32_000.0;

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut words = std::env::args().skip(1);
    let (Some(gateway), Some(name), Some(capacity)) = (words.next(), words.next(), words.next()) else {
        bail!("stream-worker GATEWAY NAME CAPACITY");
    };
    #[expect(clippy::disallowed_methods, reason = "a main reads the environment")]
    let key = std::env::var("DALSTON_API_KEY").context("DALSTON_API_KEY")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let capacity: u32 = capacity.parse().context("CAPACITY")?;
    tokio::spawn(stay(format!("{gateway}/v1/workers/{name}"), key, address, capacity));
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(serve(socket));
    }
}

/// Repeats the registration forever.
async fn stay(route: String, key: String, address: SocketAddr, capacity: u32) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(HEARTBEAT).build()?;
    let about = json!({"url": format!("ws://{address}/session"), "capacity": capacity});
    let mut beats = interval(HEARTBEAT);
    loop {
        beats.tick().await;
        // A gateway that cannot be reached may be back at the next heartbeat.
        let _ = client.put(&route).bearer_auth(&key).json(&about).send().await;
    }
}

/// Serves one session: answers each audio message with a partial transcript, and `end` with `session.end`.
async fn serve(socket: TcpStream) -> Result<()> {
    let mut socket = accept_async(socket).await?;
    let mut bytes = 0;
    while let Some(message) = socket.next().await {
        let answer = match message? {
            Message::Binary(audio) => {
                bytes += audio.len();
                json!({"type": "transcript.partial", "text": format!("{bytes} bytes"), "start": 0, "end": seconds(bytes)})
            }
            Message::Text(text) if serde_json::from_str::<Value>(&text)?["type"] == "end" => {
                let end = json!({
                    "type": "session.end",
                    "total_duration": seconds(bytes),
                    "total_speech_duration": 0,
                    "transcript": format!("{bytes} bytes"),
                    "segments": [],
                });
                socket.send(Message::text(end.to_string())).await?;
                break;
            }
            Message::Close(_) => break,
            _ => continue,
        };
        socket.send(Message::text(answer.to_string())).await?;
    }
    Ok(socket.close(None).await?)
}

#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are 9,000 years of audio")]
fn seconds(bytes: usize) -> f64 {
    bytes as f64 / BYTES_PER_SECOND
}
