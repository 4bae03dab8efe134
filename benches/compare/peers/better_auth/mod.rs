//! Better Auth's plugin for API keys, on Node.

use crate::{
    ground::Ground,
    server::{Launch, Server},
    standing::{Refusal, Standing},
    store,
};
use anyhow::{Context, Result};
use std::{fs, os::unix::fs::symlink};

/// With keys in Redis, its secondary storage.
pub(crate) fn on_redis(ground: &Ground) -> Result<Standing> {
    start(ground, store::redis(ground.cores)?)
}

/// With keys in Postgres, its database.
pub(crate) fn on_postgres(ground: &Ground) -> Result<Standing> {
    start(ground, store::postgres(ground.cores)?)
}

fn start(ground: &Ground, (store, url): (Server, String)) -> Result<Standing> {
    let launch = Launch::new("node")?;
    // Node looks for packages beside the program.
    symlink(ground.tools.join("node/node_modules").canonicalize()?, launch.folder().join("node_modules"))?;
    launch.file("server.mjs", include_str!("server.mjs"), &[])?;
    let port = launch.address.port().to_string();
    let server = launch
        .words(["server.mjs", &port, &url])
        .words([ground.kept()])
        .set("NODE_ENV", "production")
        .set("BETTER_AUTH_TELEMETRY", "0")
        .start(ground.cores)?;
    // It makes its keys before it listens.
    let made = fs::read_to_string(server.folder().join("keys"))?;
    let mut keys = made.lines().map(str::to_owned);
    let (key, narrow) = keys.next().zip(keys.next()).context("two keys")?;
    let mut refused = Refusal::of(&ground.sample);
    for refusal in &mut refused {
        if refusal.status == 403 {
            refusal.key.clone_from(&narrow);
        }
    }
    Ok(Standing { server, store: Some(store), key, refused })
}
