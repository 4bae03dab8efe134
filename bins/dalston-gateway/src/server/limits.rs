//! The limits of the HTTP server.

use dalston_runtime::Settings;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// Timeouts and connection limits for clients.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Time for a request head: for the first one from the start of the connection, for a further one from its first
    /// byte.
    pub head: Duration,
    /// Time between a response and the first byte of the next request.
    pub idle: Duration,
    /// Time within which a client must read all pending bytes of a response, or 64 KiB of them.
    pub write: Duration,
    /// Time for which the server, after closing a connection, waits for more from a silent client. What arrives is
    /// discarded.
    pub disconnect: Duration,
    /// The same for a client that goes on sending.
    pub linger: Duration,
    /// Time for which the gateway goes on serving everything after the signal to stop.
    pub drain: Duration,
    /// Time for clients that have just connected to send their request, before the gateway stops.
    pub settle: Duration,
    /// Time for requests in progress to finish when the server stops, in whole seconds.
    pub finish: Duration,
    /// Bytes of a client's responses that the kernel buffers. Linux uses twice as much memory for them.
    pub send_buffer: usize,
    /// Maximum number of connections of all clients together.
    pub connections: usize,
    /// Maximum number of connections of one address: a whole IPv4 address, or the first 64 bits of an IPv6 address.
    pub per_address: usize,
    /// Networks without a limit per address, because other clients connect through them (proxies).
    pub proxies: Vec<IpNet>,
    /// Number of worker threads; `None`: one for each processor.
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
    /// Returns the limits for these settings.
    ///
    /// `files` is the number of files that the process may have open (`None`: unlimited); connections use at most three
    /// quarters of it. `attended` says that the process runs in a terminal: it then stops without waiting for a load
    /// balancer.
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

/// Networks of a proxy on the same machine.
fn loopback() -> [IpNet; 2] {
    [Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).into(), Ipv6Net::from(Ipv6Addr::LOCALHOST).into()]
}
