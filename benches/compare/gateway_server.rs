//! A gateway with keys made over its API.

use crate::{
    cores::Cores,
    http::ask,
    server::{Launch, Server},
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Requests a minute: the most that a key can have.
pub(crate) const LIMIT: u32 = 1_000_000;

/// Keys of a gateway.
pub(crate) struct Keys {
    /// May read jobs, under the limit.
    pub(crate) live: String,
    /// May not read jobs nor list keys.
    pub(crate) narrow: String,
}

/// Starts one on this store, the embedded one unless there is another, and makes its keys.
pub(crate) fn serve(programs: &Path, cores: Cores, store: Option<&str>) -> Result<(Server, Keys)> {
    let mut launch = Launch::new(programs.join("dalston-gateway"))?;
    let address = launch.address.to_string();
    launch = launch.set("DALSTON_LISTEN", address);
    if let Some(url) = store {
        launch = launch.set("DALSTON_STORE", url);
    }
    let server = launch.start(cores).context("cargo build --release makes the gateway")?;
    // It made its first key before it took requests.
    ensure!(ask(server.address, "GET /health/ready", "", None)?.status == 200, "it is not ready");
    let admin = fs::read_to_string(server.folder().join("dalston-data/admin.key"))?;
    let make = |scope: &str| -> Result<String> {
        let wanted = json!({"name": "Comparison", "scopes": [scope], "rate_limit": LIMIT}).to_string();
        let answer = ask(server.address, "POST /auth/keys", admin.trim_end(), Some(&wanted))?;
        let made: Value = serde_json::from_str(&answer.body)?;
        Ok(made["key"].as_str().with_context(|| format!("no key: {}", answer.body))?.to_owned())
    };
    let keys = Keys { live: make("jobs:read")?, narrow: make("realtime")? };
    Ok((server, keys))
}
