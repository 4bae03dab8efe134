//! What actix-web can do at most: a handler that answers the same bytes and asks nothing.

use crate::{ground::Ground, server::Launch, standing::Standing};
use anyhow::Result;

/// Starts `program.rs`.
pub(crate) fn start(ground: &Ground) -> Result<Standing> {
    let launch = Launch::new(ground.programs.join("bare"))?;
    let address = launch.address.to_string();
    let server = launch.words([address.as_str()]).words([ground.kept()]).start(ground.cores)?;
    Ok(Standing { server, store: None, key: ground.sample.live.clone(), refused: Vec::new() })
}
