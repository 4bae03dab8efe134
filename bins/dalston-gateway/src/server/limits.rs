//! The limits of the server.

use dalston_runtime::Settings;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// How long clients may take, and how many may be connected.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Time for a request's head: the first one's from the connection's start, a further one's from its first byte.
    pub head: Duration,
    /// Time between an answer and the first byte of the next request.
    pub idle: Duration,
    /// Time within which a client takes what waits for it, or 64 KiB of it.
    pub write: Duration,
    /// Time for which a connection that the server ends waits for more from the client, which is thrown away.
    pub disconnect: Duration,
    /// The same, of a client that goes on sending.
    pub linger: Duration,
    /// Time for which all is served after the gateway was asked to stop.
    pub drain: Duration,
    /// Time within which those who have just connected send their request, before the gateway stops.
    pub settle: Duration,
    /// Time to finish requests when the server stops; whole seconds.
    pub finish: Duration,
    /// Bytes of a client's answers that the kernel holds. Linux takes twice as much memory for them.
    pub send_buffer: usize,
    /// Connections of all clients together.
    pub connections: usize,
    /// Connections of one address: all of an IPv4 address, the first 64 bits of an IPv6 address.
    pub per_address: usize,
    /// Networks whose addresses have no limit of their own, because others connect through them.
    pub proxies: Vec<IpNet>,
    /// Threads that serve; `None`: one for each processor.
    pub workers: Option<usize>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(15),
            disconnect: Duration::from_secs(1),
            linger: Duration::from_secs(15),
            drain: Duration::from_secs(5),
            settle: Duration::from_millis(500),
            finish: Duration::from_secs(30),
            send_buffer: 256 * 1024,
            connections: 10_000,
            per_address: 512,
            proxies: loopback().into(),
            workers: None,
        }
    }
}

impl ServerLimits {
    /// As the settings want them. `files`: how many files the process may have open, of which connections take three
    /// quarters at most. `attended`: somebody sits at a terminal, and waits for no balancer when it is to stop.
    pub fn new(settings: &Settings, files: Option<u64>, attended: bool) -> Self {
        let files = files.and_then(|files| usize::try_from(files / 4 * 3).ok()).unwrap_or(usize::MAX);
        let others = Self::default();
        Self {
            idle: settings.clients.keep_alive,
            drain: settings.clients.drain.unwrap_or(if attended { Duration::ZERO } else { others.drain }),
            connections: settings.clients.connections.get().min(files),
            per_address: settings.clients.connections_per_address.get(),
            proxies: loopback().into_iter().chain(settings.trusted_proxies.iter().copied()).collect(),
            ..others
        }
    }
}

/// A proxy on the same machine connects from here.
fn loopback() -> [IpNet; 2] {
    [Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).into(), Ipv6Net::from(Ipv6Addr::LOCALHOST).into()]
}
