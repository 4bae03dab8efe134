//! Rounds: a key that both nodes answer for from memory is revoked on one, and asked for on the other until it is refused.

use crate::{
    connection::Connection,
    nodes::{Key, Nodes},
    relay::Fault,
};
use anyhow::{Result, ensure};
use dalston_model::{Clock, SystemClock};
use std::{iter::zip, thread::sleep, time::Duration};

/// `DALSTON_FRESHNESS`, where nothing else is set.
const BOUND: Duration = Duration::from_secs(1);
/// Keys are made so many at a time: the first is known to the other node when the last is made.
const BATCH: usize = 100;
/// The first reads the store; the others are answered from memory.
const WARM: usize = 3;
/// The other node asks what changed at least so often: four times within the bound.
const BEAT: Duration = Duration::from_millis(250);
const STEP: Duration = Duration::from_millis(20);
const ME: &str = "GET /auth/me";

/// What rounds need.
pub(crate) struct Rounds<'nodes> {
    nodes: &'nodes Nodes,
    here: Connection,
    there: Connection,
}

impl<'nodes> Rounds<'nodes> {
    /// On these nodes.
    pub(crate) fn open(nodes: &'nodes Nodes) -> Result<Self> {
        let (here, there) = (Connection::open(nodes.here.address)?, Connection::open(nodes.there.address)?);
        Ok(Self { nodes, here, there })
    }

    /// The secret of a key with a limit.
    pub(crate) fn limited(&mut self, rate_limit: u32) -> Result<String> {
        Ok(self.nodes.mint(&mut self.here, Some(rate_limit))?.secret)
    }

    /// The lags of so many rounds.
    pub(crate) fn run(&mut self, rounds: usize, fault: Fault) -> Result<Vec<Duration>> {
        let mut lags = Vec::with_capacity(rounds);
        while lags.len() < rounds {
            let keys = (0..BATCH).map(|_| self.nodes.mint(&mut self.here, None)).collect::<Result<Vec<_>>>()?;
            for (key, _) in zip(&keys, lags.len()..rounds) {
                lags.push(self.round(key, fault)?);
            }
        }
        Ok(lags)
    }

    fn round(&mut self, key: &Key, fault: Fault) -> Result<Duration> {
        if fault != Fault::None {
            self.recovered(key)?;
        }
        for _ in 0..WARM {
            for node in [&mut self.here, &mut self.there] {
                let answer = node.ask(ME, &key.secret, "")?;
                ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
            }
        }
        self.fails(fault);
        self.nodes.revoke(&mut self.here, key)?;
        let revoked = SystemClock.monotonic();
        self.here.send(ME, &key.secret, "")?;
        let mut lag = Duration::ZERO;
        loop {
            let sent = SystemClock.monotonic().saturating_sub(revoked);
            if self.there.ask(ME, &key.secret, "")?.status != 200 {
                break;
            }
            ensure!(sent < BOUND, "accepted {sent:?} after it was revoked");
            lag = sent;
        }
        ensure!(self.here.receive()?.status == 401, "accepted where it was revoked");
        self.fails(Fault::None);
        Ok(lag)
    }

    fn fails(&self, fault: Fault) {
        if let Some(relay) = &self.nodes.relay {
            relay.fails(fault);
        }
    }

    /// Waits until the other node is over the fault of the round before, and has heard of all changes.
    fn recovered(&mut self, key: &Key) -> Result<()> {
        while self.there.ask(ME, &key.secret, "")?.status == 503 {
            sleep(STEP);
        }
        sleep(BEAT);
        Ok(())
    }
}
