//! Somebody else, who asks all the time.

use crate::connection::Connection;
use anyhow::{Context, Result};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, spawn},
};

/// Asks one node, over one connection, until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Result<Asked>>,
}

/// What came of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    /// Requests that were admitted.
    pub(crate) admitted: u64,
    /// Requests that were not.
    pub(crate) refused: u64,
}

impl Load {
    /// Begins, with this key.
    pub(crate) fn start(address: SocketAddr, key: String) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let asking = spawn(move || {
            let mut asked = Asked::default();
            while !stopped.load(Ordering::Relaxed) {
                let admitted = connection.ask("GET /auth/me", &key, "")?.status == 200;
                *(if admitted { &mut asked.admitted } else { &mut asked.refused }) += 1;
            }
            Ok(asked)
        });
        Ok(Self { stop, asking })
    }

    /// Ends.
    pub(crate) fn stop(self) -> Result<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().ok().context("it does not panic")?
    }
}
