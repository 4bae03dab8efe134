//! The peers: one table.

use crate::{
    ground::Ground,
    peers::{bare, better_auth, fastapi, gateway, haproxy, nginx, seed_port},
    standing::Standing,
};
use anyhow::Result;

/// A server to compare with.
pub(crate) struct Peer {
    /// As the table calls it.
    pub(crate) name: &'static str,
    /// Starts it, ready to be asked.
    pub(crate) start: fn(&Ground) -> Result<Standing>,
}

/// The limit: an actix-web handler that answers the same without any work.
pub(crate) const BARE: Peer = Peer { name: "bare actix-web handler", start: bare::start };

/// All others.
pub(crate) const PEERS: [Peer; 9] = [
    Peer { name: "Dalston on SQLite", start: gateway::on_sqlite },
    Peer { name: "Dalston on Postgres", start: gateway::on_postgres },
    Peer { name: "Dalston on Redis", start: gateway::on_redis },
    Peer { name: "nginx, map and limit_req", start: nginx::start },
    Peer { name: "HAProxy, map and stick table", start: haproxy::start },
    Peer { name: "seed in Rust on Redis", start: seed_port::start },
    Peer { name: "seed on FastAPI and Redis", start: fastapi::start },
    Peer { name: "Better Auth on Redis", start: better_auth::on_redis },
    Peer { name: "Better Auth on Postgres", start: better_auth::on_postgres },
];
