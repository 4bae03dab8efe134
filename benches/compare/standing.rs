//! A peer that serves, and what it must answer.

use crate::{burden::Burden, http::ask, sample::Sample, server::Server};
use anyhow::{Context, Result, ensure};

/// The path that all are asked for.
pub(crate) const PATH: &str = "/auth/me";

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
