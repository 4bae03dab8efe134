//! A line to a server that can be silenced, when connections stay open and nothing comes through; that can break, at once
//! or in the middle of what it carries; and that can be led to another server, as a virtual address is after a fail-over:
//! new connections go there, and those that are open stay where they are.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What is carried at once.
const PIECE: usize = 16 * 1024;

/// The near end of a line.
pub struct Line {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    silence: watch::Sender<()>,
    host: watch::Sender<String>,
    flow: Arc<Flow>,
}

/// What the line still carries, on all connections together.
struct Flow {
    left: AtomicUsize,
    is_broken: watch::Sender<bool>,
}

impl Line {
    /// A line to `host:port`.
    pub async fn to(host: &str) -> Self {
        let (host, leads) = watch::channel(host.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (silence, _) = watch::channel(());
        let flow = Arc::new(Flow { left: AtomicUsize::new(usize::MAX), is_broken: watch::Sender::new(false) });
        let (line, carrying) = (silence.clone(), flow.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let host = leads.borrow().clone();
                if *carrying.is_broken.borrow() {
                    continue;
                }
                let Ok(mut server) = TcpStream::connect(host).await else { continue };
                let (mut silenced, flow) = (line.subscribe(), carrying.clone());
                tokio::spawn(async move {
                    // Both ends outlive what is carried: a silent line is open.
                    tokio::select! {
                        () = carry(&mut client, &mut server, &flow) => {}
                        () = flow.broken() => {}
                        _ = silenced.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silence, host, flow }
    }

    /// Leads new connections to another `host:port`. Those that are open stay.
    pub fn leads_to(&self, host: &str) {
        self.host.send_replace(host.to_owned());
    }

    /// The URL of a server with the line in its place.
    pub fn url(&self, url: &str) -> String {
        let (before, after) = url.rsplit_once('/').expect("a URL with a path");
        let (before, _) = before.rsplit_once(':').expect("it has a port");
        format!("{before}:{}/{after}", self.port)
    }

    /// Ends the traffic of the connections that are there, and leaves them open. New ones are served.
    pub fn silence(&self) {
        self.silence.send_replace(());
    }

    /// Ends all connections, and each new one, until it is mended.
    pub fn breaks(&self) {
        self.flow.is_broken.send_replace(true);
    }

    /// The same, once it has carried so many bytes more, in both directions together.
    pub fn breaks_after(&self, bytes: usize) {
        self.flow.left.store(bytes, Ordering::SeqCst);
    }

    /// Waits until it is broken.
    pub async fn broken(&self) {
        self.flow.broken().await;
    }

    /// It carries everything again.
    pub fn mends(&self) {
        self.flow.left.store(usize::MAX, Ordering::SeqCst);
        self.flow.is_broken.send_replace(false);
    }
}

impl Flow {
    async fn broken(&self) {
        self.is_broken.subscribe().wait_for(|is_broken| *is_broken).await.expect("the sender is here");
    }

    /// How many of so many bytes are carried. Where that is not all of them, the line breaks.
    fn take(&self, bytes: usize) -> usize {
        let rest = |left: usize| Some(left.saturating_sub(bytes));
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, rest).expect("always some");
        if left < bytes {
            self.is_broken.send_replace(true);
        }
        left.min(bytes)
    }
}

/// Carries what both sides say, until both have ended or one fails.
async fn carry(client: &mut TcpStream, server: &mut TcpStream, flow: &Flow) {
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let _ = tokio::try_join!(one_way(from_client, to_server, flow), one_way(from_server, to_client, flow));
}

async fn one_way(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, flow: &Flow) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..flow.take(read)]).await?;
    }
}
