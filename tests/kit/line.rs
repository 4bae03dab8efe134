//! A line to a server that can be silenced: connections stay open and nothing comes through.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The near end of a line.
pub struct Line {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    silence: watch::Sender<()>,
}

impl Line {
    /// A line to `host:port`.
    pub async fn to(host: &str) -> Self {
        let host = host.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (silence, _) = watch::channel(());
        let line = silence.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let Ok(mut server) = TcpStream::connect(&host).await else { continue };
                let mut silenced = line.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = silenced.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silence }
    }

    /// Ends the traffic of the connections that are there, and leaves them open. New ones are served.
    pub fn silence(&self) {
        self.silence.send_replace(());
    }
}
