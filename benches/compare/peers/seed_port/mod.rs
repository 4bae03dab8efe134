//! The seed, word for word in Rust: for each request a record is read, written back, and a counter counted, in Redis.

use crate::{
    ground::Ground,
    peers::fastapi,
    server::Launch,
    standing::{Refusal, Standing},
    store,
};
use anyhow::Result;

/// Starts `program.rs` on a Redis that knows the keys.
pub(crate) fn start(ground: &Ground) -> Result<Standing> {
    let (store, url) = store::redis(ground.cores)?;
    fastapi::know(&store, &ground.sample)?;
    let launch = Launch::new(ground.programs.join("seed-port"))?;
    let address = launch.address.to_string();
    let server = launch.words([&address, &url]).words([ground.kept()]).start(ground.cores)?;
    let (key, refused) = (ground.sample.live.clone(), Refusal::of(&ground.sample));
    Ok(Standing { server, store: Some(store), key, refused })
}
