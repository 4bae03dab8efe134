//! Two gateways on one store.

use crate::{
    connection::Connection,
    cores::Cores,
    relay::Relay,
    server::{Launch, Server},
    store,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{env, fs, path::Path};
use tempfile::TempDir;

/// The stores that nodes can share.
pub(crate) const STORES: [&str; 3] = ["sqlite", "postgres", "redis"];
/// Each refused key is a failed attempt, from one address: the most that can be set.
const FAILURES: &str = "1000000";

/// What runs, and who may revoke. The gateways end before their store.
pub(crate) struct Nodes {
    /// Keys are made and revoked here.
    pub(crate) here: Server,
    /// And used here.
    pub(crate) there: Server,
    /// Between this node and the store; `None` where no connection is.
    pub(crate) relay: Option<Relay>,
    admin: String,
    _store: Option<Server>,
    _folder: TempDir,
}

/// A key.
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: String,
}

impl Nodes {
    /// Starts them on a fresh store of this kind.
    pub(crate) fn start(kind: &str, cores: Cores) -> Result<Self> {
        let folder = TempDir::new()?;
        let store = match kind {
            "postgres" => Some(store::postgres(cores)?),
            "redis" => Some(store::redis(cores)?),
            _ => None,
        };
        let relay = store.as_ref().map(|(server, _)| Relay::start(server.address)).transpose()?;
        let (store, url) = store.unzip();
        let url = url.unwrap_or_else(|| format!("sqlite://{}", folder.path().join("dalston.db").display()));
        let here = gateway(&url, cores)?;
        let there = match (&store, &relay) {
            (Some(store), Some(relay)) => url.replace(&store.address.to_string(), &relay.address.to_string()),
            _ => url,
        };
        let there = gateway(&there, cores)?;
        let admin = fs::read_to_string(here.folder().join("dalston-data/admin.key"))?.trim_end().to_owned();
        Ok(Self { here, there, relay, admin, _store: store, _folder: folder })
    }

    /// Makes a key, with a limit if need be.
    pub(crate) fn mint(&self, connection: &mut Connection, rate_limit: Option<u32>) -> Result<Key> {
        let wanted = json!({"name": "Revocation", "scopes": ["jobs:read"], "rate_limit": rate_limit}).to_string();
        let answer = connection.ask("POST /auth/keys", &self.admin, &wanted)?;
        ensure!(answer.status == 201, "{}: {}", answer.status, answer.body);
        let made: Value = serde_json::from_str(&answer.body)?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        Ok(Key { id: text("id")?, secret: text("key")? })
    }

    /// Revokes a key.
    pub(crate) fn revoke(&self, connection: &mut Connection, key: &Key) -> Result<()> {
        let answer = connection.ask(&format!("DELETE /auth/keys/{}", key.id), &self.admin, "")?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        Ok(())
    }
}

/// Starts the shipped program on this store.
fn gateway(url: &str, cores: Cores) -> Result<Server> {
    let own = env::current_exe()?;
    let program = own.parent().and_then(Path::parent).context("a bench lies in a folder")?.join("dalston-gateway");
    let launch = Launch::new(program)?;
    let address = launch.address.to_string();
    let server = launch
        .set("DALSTON_LISTEN", address)
        .set("DALSTON_STORE", url)
        .set("DALSTON_AUTH_FAILURES_PER_MINUTE", FAILURES)
        .set("DALSTON_LOG", "warn")
        .start(cores)
        .context("cargo build --release makes the gateway")?;
    // Who asks first waits until all is there.
    let ready = Connection::open(server.address)?.ask("GET /health/ready", "", "")?;
    ensure!(ready.status == 200, "{}: {}", ready.status, ready.body);
    Ok(server)
}
