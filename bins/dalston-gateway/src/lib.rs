//! The HTTP gateway: the app factory with its routes, and the server that runs it.

mod body;
mod bound_address;
mod call;
mod claims;
mod commands;
mod events;
mod export;
mod fault;
mod fields;
mod form;
mod frames;
mod handshake;
mod health;
mod hosts;
mod keepalive;
mod mcp;
mod messages;
mod min_throughput;
mod note;
mod openai;
mod origins;
mod outbox;
mod realtime;
mod repeat;
mod request_limits;
mod routes;
mod serve;
mod server;
mod session;
mod stream;
mod telegram;
mod upload;

pub use body::Pace;
pub use bound_address::BoundAddress;
pub use routes::{RouteHandler, RouteRow, app, routes};
pub use serve::serve;
pub use server::{ServerLimits, listen};

use crate::{hosts::Hosts, origins::Origins};
use dalston_actix::{QueryKeys, TrustedProxies};
use dalston_model::TenantId;
use dalston_runtime::{KeysInQuery, Runtime, Settings};
use dalston_service::Shares;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Shared state of all handlers.
pub struct Gateway {
    /// The running services and background parts.
    pub runtime: Arc<Runtime>,
    /// Limits on how slowly a request body may arrive, and on how fast the frames of a WebSocket may.
    pub pace: Pace,
    query_keys: QueryKeys,
    proxies: TrustedProxies,
    hosts: Hosts,
    origins: Origins,
    large_bodies: Arc<Shares<TenantId>>,
    public_url: Option<String>,
    stream_idle: Duration,
    drains: AtomicBool,
}

/// Maximum number of large bodies (those above the size of a command body) held in memory at once, one mebibyte each.
const LARGE_BODIES: usize = 32;

impl Gateway {
    /// Returns the gateway for this runtime, configured by the settings.
    pub fn new(runtime: Arc<Runtime>, settings: &Settings) -> Self {
        Self {
            large_bodies: Shares::new(LARGE_BODIES, runtime.services.tenant_presence.clone()),
            runtime,
            pace: Pace::default(),
            query_keys: match settings.query_keys {
                KeysInQuery::Stream => QueryKeys::Stream,
                KeysInQuery::All => QueryKeys::All,
                KeysInQuery::Off => QueryKeys::Off,
            },
            proxies: TrustedProxies::new(settings.trusted_proxies.clone()),
            hosts: Hosts::new(settings.allowed_hosts.clone()),
            origins: Origins::new(settings.allowed_origins.clone()),
            public_url: settings.public_url.clone(),
            stream_idle: settings.clients.stream_idle,
            drains: AtomicBool::new(false),
        }
    }

    /// Starts draining: readiness checks fail from now on, and each connection is closed after its next response.
    fn drain(&self) {
        self.drains.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }
}
