//! One server's turn: started anew, checked, warmed up, measured, stopped.

use crate::{
    burden::Burden, figures::Figures, ground::Ground, load::Load, peer::Peer, settings::Settings, standing::PATH,
};
use anyhow::{Context, Result};
use std::time::Duration;

/// Seconds of load before the measured ones.
const WARM_UP: u32 = 2;

/// Has the peer serve for as long as the settings say. An error when it answers anything but what it should.
pub(crate) fn run(peer: &Peer, ground: &Ground, settings: &Settings) -> Result<Figures> {
    let standing = (peer.start)(ground)?;
    let measured = || -> Result<Figures> {
        standing.check(&ground.sample)?;
        let url = standing.server.url(PATH);
        Load::run(&url, &standing.key, WARM_UP, ground.cores)?;
        let (server, store) = standing.burden()?;
        let load = Load::run(&url, &standing.key, settings.seconds, ground.cores)?;
        let (server_after, store_after) = standing.burden()?;
        standing.check(&ground.sample)?;
        let (cpu, store_cpu) = (spent(server, server_after), spent(store, store_after));
        Ok(Figures {
            rate: load.requests / load.seconds,
            p50: load.p50,
            p99: load.p99,
            cpu: cpu.as_secs_f64() / load.requests * 1e5,
            store_cpu: store_cpu.as_secs_f64() / load.requests * 1e5,
            resident: server_after.resident,
            store_resident: store_after.resident,
            busy: (cpu + store_cpu).as_secs_f64() / load.seconds,
        })
    };
    measured().with_context(|| format!("its log: {}", standing.server.log()))
}

fn spent(before: Burden, after: Burden) -> Duration {
    after.cpu.saturating_sub(before.cpu)
}
