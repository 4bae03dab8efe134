//! What a proxied frame costs the gateway, and what two thousand streams at once do: the shipped program between a worker
//! and clients, which are this process.
//!
//! `cargo build --release --bin dalston-gateway && cargo bench -p dalston-benches --bench proxy`

use dalston_model::{Clock, SystemClock};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::{
    error::Error,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const KEY: &str = "master-key-of-the-benchmark-0123456789";
/// 20 ms of 16-bit samples at 16 kHz.
const FRAME: usize = 640;
const STREAMS: u32 = 2_000;
const FRAMES_PER_SECOND: u32 = 50;
const SECONDS: u32 = 20;
/// Frames of the first measurement, over a few streams as fast as they go.
const FRAMES: u32 = 400_000;
const FEW: u32 = 8;

/// The gateway, killed with this process's end.
struct Gateway {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

/// What the worker has heard.
#[derive(Default)]
struct Heard {
    frames: AtomicU64,
}

fn main() -> Outcome<()> {
    // `cargo test` builds it and asks for nothing.
    if !std::env::args().any(|word| word == "--bench") {
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let heard = Arc::new(Heard::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let worker = listener.local_addr()?;
    tokio::spawn(accept(listener, heard.clone()));
    let gateway = Gateway::start(worker).await?;

    let before = gateway.cpu()?;
    let began = SystemClock.monotonic();
    let mut pouring = Vec::new();
    for _ in 0..FEW {
        pouring.push(tokio::spawn(pour(open(gateway.address).await?, FRAMES / FEW)));
    }
    for task in pouring {
        task.await??;
    }
    arrived(&heard, FRAMES).await?;
    let (cpu, wall) = (gateway.cpu()?.saturating_sub(before), SystemClock.monotonic().saturating_sub(began));
    print(&format!(
        "a frame: {:.1} µs of the gateway's processor time, {:.0} frames a second over {FEW} streams",
        cpu.as_secs_f64() * 1e6 / f64::from(FRAMES),
        f64::from(FRAMES) / wall.as_secs_f64()
    ));

    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(open(gateway.address).await?);
    }
    print(&format!("{STREAMS} streams are open: {} MiB resident", gateway.resident()? / 1024));
    let (before, began) = (gateway.cpu()?, SystemClock.monotonic());
    heard.frames.store(0, Ordering::Relaxed);
    let talking: Vec<_> = streams.into_iter().enumerate().map(|(n, it)| tokio::spawn(talk(it, n))).collect();
    let mut most = 0;
    while SystemClock.monotonic().saturating_sub(began) < Duration::from_secs(SECONDS.into()) {
        sleep(Duration::from_millis(500)).await;
        most = most.max(gateway.resident()?);
    }
    let (cpu, wall) = (gateway.cpu()?.saturating_sub(before), SystemClock.monotonic().saturating_sub(began));
    let frames = u32::try_from(heard.frames.load(Ordering::Relaxed))?;
    print(&format!(
        "{STREAMS} streams at {FRAMES_PER_SECOND} frames a second: {:.0} frames a second arrived, {:.2} cores, {} MiB \
         resident at most",
        f64::from(frames) / wall.as_secs_f64(),
        cpu.as_secs_f64() / wall.as_secs_f64(),
        most / 1024,
    ));
    let mut slowest = Vec::new();
    let waiting = async {
        for task in talking {
            slowest.push(task.await??);
        }
        Outcome::Ok(())
    };
    timeout(Duration::from_mins(1), waiting)
        .await
        .map_err(|_| "the clients did not keep up: the machine is busy")??;
    slowest.sort();
    print(&format!(
        "a worker's answer came after {} ms in the median stream at its slowest, {} ms in the slowest",
        slowest[slowest.len() / 2].as_millis(),
        slowest[slowest.len() - 1].as_millis(),
    ));
    Ok(())
}

/// Plays as fast as it is taken, then says the end and waits for it.
async fn pour(mut socket: WebSocketStream<TcpStream>, frames: u32) -> Outcome<()> {
    for _ in 0..frames {
        socket.feed(Message::binary(vec![0; FRAME])).await?;
    }
    socket.send(Message::text(r#"{"type":"end"}"#)).await?;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            break;
        }
    }
    Ok(())
}

/// Plays at the speed of speech. Gives the longest time that an answer took.
async fn talk(mut socket: WebSocketStream<TcpStream>, number: usize) -> Outcome<Duration> {
    // They do not all speak at the same moment.
    sleep(Duration::from_millis(u64::try_from(number % 20)?)).await;
    let mut ticks = interval(Duration::from_secs(1) / FRAMES_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut slowest = Duration::ZERO;
    for frame in 0..FRAMES_PER_SECOND * SECONDS {
        ticks.tick().await;
        socket.send(Message::binary(vec![0; FRAME])).await?;
        // The worker answers a flush: once in a second it is asked.
        if frame % FRAMES_PER_SECOND == FRAMES_PER_SECOND - 1 {
            let asked = SystemClock.monotonic();
            socket.send(Message::text(r#"{"type":"flush"}"#)).await?;
            while !socket.next().await.ok_or("the gateway has closed")??.is_text() {}
            slowest = slowest.max(SystemClock.monotonic().saturating_sub(asked));
        }
    }
    Ok(slowest)
}

/// Opens a stream and waits until it has begun.
async fn open(gateway: SocketAddr) -> Outcome<WebSocketStream<TcpStream>> {
    let mut request = format!("ws://{gateway}/v1/audio/transcriptions/stream").into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {KEY}").parse()?);
    let stream = TcpStream::connect(gateway).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async_with_config(request, stream, Some(small())).await?;
    match socket.next().await {
        Some(Ok(Message::Text(text))) if text.contains("session.begin") => Ok(socket),
        other => Err(format!("no session: {other:?}").into()),
    }
}

/// Waits until so many frames have arrived.
async fn arrived(heard: &Heard, frames: u32) -> Outcome<()> {
    let waiting = async {
        while heard.frames.load(Ordering::Relaxed) < frames.into() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    Ok(timeout(Duration::from_mins(1), waiting).await?)
}

async fn accept(listener: tokio::net::TcpListener, heard: Arc<Heard>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, heard.clone()));
    }
}

/// A worker that counts, and answers `flush` and `end`.
async fn serve(stream: TcpStream, heard: Arc<Heard>) -> Outcome<()> {
    stream.set_nodelay(true)?;
    let mut socket = accept_async_with_config(stream, Some(small())).await?;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(_) => {
                heard.frames.fetch_add(1, Ordering::Relaxed);
            }
            Message::Text(text) => {
                let ends = text.contains("end");
                let kind = if ends { "session.end" } else { "transcript.final" };
                socket.send(Message::text(json!({"type": kind, "text": "hello"}).to_string())).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Thousands of sockets in one process.
fn small() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0)
}

impl Gateway {
    async fn start(worker: SocketAddr) -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let program = own.parent().and_then(Path::parent).ok_or("no folder")?.join("dalston-gateway");
        if !program.is_file() {
            return Err(
                format!("cargo build --release --bin dalston-gateway: there is no {}", program.display()).into()
            );
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let data = tempfile::TempDir::new()?;
        let child = Command::new(program)
            .env("DALSTON_LISTEN", address.to_string())
            .env("DALSTON_STORE", "memory://")
            .env("DALSTON_DATA_DIR", data.path())
            .env("DALSTON_MASTER_KEY", KEY)
            .env("DALSTON_WORKERS", format!("ws://{worker}/session#10000"))
            .env("DALSTON_OWN_STREAMS", "0")
            .env("DALSTON_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()?;
        let gateway = Self { child, address, _data: data };
        for _ in 0..500 {
            sleep(Duration::from_millis(20)).await;
            // The worker is registered with the first tick.
            if open(address).await.is_ok() {
                return Ok(gateway);
            }
        }
        Err("the gateway does not serve".into())
    }

    /// Its processor time.
    fn cpu(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, rest) = stat.rsplit_once(") ").ok_or("no statistics")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // A hundred ticks a second, on every Linux.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Its resident memory in KiB.
    fn resident(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no statistics")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::print_stdout, reason = "what was measured")]
fn print(line: &str) {
    println!("{line}");
}
