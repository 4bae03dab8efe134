//! The peers: one table.

use crate::{
    burden::Burden,
    cores::Cores,
    http::ask,
    peers::{bare, better_auth, fastapi, gateway, haproxy, nginx, seed_port},
    sample::Sample,
    server::Server,
};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What all peers stand on.
pub(crate) struct Ground {
    /// Who runs where.
    pub(crate) cores: Cores,
    /// The folder of our own programs.
    pub(crate) programs: PathBuf,
    /// The folder of the others' languages.
    pub(crate) tools: PathBuf,
    /// The answer.
    pub(crate) sample: Sample,
    /// A file that holds it.
    pub(crate) kept: NamedTempFile,
}

impl Ground {
    /// The file of the answer.
    pub(crate) fn kept(&self) -> &Path {
        self.kept.path()
    }
}

/// A server to compare with.
pub(crate) struct Peer {
    /// As the table calls it.
    pub(crate) name: &'static str,
    /// Starts it, ready to be asked.
    pub(crate) start: fn(&Ground) -> Result<Standing>,
}

/// A peer that serves.
pub(crate) struct Standing {
    /// Itself. It ends before its store does.
    pub(crate) server: Server,
    /// The server of its store, if it has one.
    pub(crate) store: Option<Server>,
    /// A key that it admits.
    pub(crate) key: String,
    /// What it must refuse.
    pub(crate) refused: Vec<Refusal>,
}

/// A request that is refused.
pub(crate) struct Refusal {
    /// With this key.
    pub(crate) key: String,
    /// For this path.
    pub(crate) path: &'static str,
    /// With this status.
    pub(crate) status: u16,
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

/// The path that all are asked for.
pub(crate) const PATH: &str = "/auth/me";

impl Standing {
    /// An error unless it answers the live key rightly and refuses what it must.
    pub(crate) fn check(&self, sample: &Sample) -> Result<()> {
        sample.compare(&ask(self.server.address, &format!("GET {PATH}"), &self.key, None)?)?;
        for refusal in &self.refused {
            let status = ask(self.server.address, &format!("GET {}", refusal.path), &refusal.key, None)?.status;
            ensure!(status == refusal.status, "GET {} is {status}, not {}", refusal.path, refusal.status);
        }
        Ok(())
    }

    /// What the server has cost so far, and what its store has.
    pub(crate) fn burden(&self) -> Result<(Burden, Burden)> {
        let store = self.store.as_ref().map(Server::burden).transpose().context("the store")?;
        Ok((self.server.burden()?, store.unwrap_or_default()))
    }
}

impl Refusal {
    /// What a peer that was told the sample's keys must refuse: a key that nobody knows, a key without the scope.
    pub(crate) fn of(sample: &Sample) -> Vec<Self> {
        let unknown = sample.live.chars().rev().collect();
        vec![
            Self { key: unknown, path: PATH, status: 401 },
            Self { key: sample.narrow.clone(), path: PATH, status: 403 },
        ]
    }
}
