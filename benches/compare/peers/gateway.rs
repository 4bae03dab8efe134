//! This project's gateway, as it is shipped: its settings are the defaults, its keys are made over its API.

use crate::{
    gateway_server::serve,
    ground::Ground,
    sample::Sample,
    server::Server,
    standing::{PATH, Refusal, Standing},
    store,
};
use anyhow::Result;

/// On the embedded database, on the disk.
pub(crate) fn on_sqlite(ground: &Ground) -> Result<Standing> {
    standing(ground, None)
}

/// On Postgres.
pub(crate) fn on_postgres(ground: &Ground) -> Result<Standing> {
    standing(ground, Some(store::postgres(ground.cores)?))
}

/// On Redis.
pub(crate) fn on_redis(ground: &Ground) -> Result<Standing> {
    standing(ground, Some(store::redis(ground.cores)?))
}

fn standing(ground: &Ground, store: Option<(Server, String)>) -> Result<Standing> {
    let (store, url) = store.unzip();
    let (server, keys) = serve(&ground.programs, ground.cores, url.as_deref())?;
    let Sample { live: unknown, .. } = &ground.sample;
    let refused = vec![
        Refusal { key: unknown.clone(), path: PATH, status: 401 },
        Refusal { key: keys.narrow, path: "/auth/keys", status: 403 },
    ];
    Ok(Standing { server, store, key: keys.live, refused })
}
