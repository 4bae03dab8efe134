//! A line to a server that can be silenced, when connections stay open and nothing comes through, and that can be led to
//! another server, as a virtual address is after a fail-over: new connections go there, and those that are open stay where
//! they are.

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
    host: watch::Sender<String>,
}

impl Line {
    /// A line to `host:port`.
    pub async fn to(host: &str) -> Self {
        let (host, leads) = watch::channel(host.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (silence, _) = watch::channel(());
        let line = silence.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let host = leads.borrow().clone();
                let Ok(mut server) = TcpStream::connect(host).await else { continue };
                let mut silenced = line.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = silenced.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silence, host }
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
}
