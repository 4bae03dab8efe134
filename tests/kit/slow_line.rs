//! A line to a server whose answers can be held back: what is asked arrives, and nobody hears of it until it is let go.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// The near end of a line.
pub struct SlowLine {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    held: watch::Sender<bool>,
}

impl SlowLine {
    /// A line to `host:port`.
    pub async fn to(host: &str) -> Self {
        let host = host.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (held, _) = watch::channel(false);
        let line = held.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&host).await else { continue };
                let (asks, answers, held) = (client.into_split(), server.into_split(), line.subscribe());
                tokio::spawn(async move {
                    let (mut from_client, to_client) = asks;
                    let (from_server, mut to_server) = answers;
                    tokio::join!(
                        async {
                            let _ = copy(&mut from_client, &mut to_server).await;
                            let _ = to_server.shutdown().await;
                        },
                        bring(from_server, to_client, held),
                    );
                });
            }
        });
        Self { port, held }
    }

    /// Holds answers back from now on, on all connections.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets all go that was held back.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

/// Brings answers as they come, unless they are held back.
async fn bring(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
