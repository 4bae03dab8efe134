//! nginx: keys and scopes in a map, the limit by `limit_req`, an answer from its configuration.

use crate::{
    ground::Ground,
    server::Launch,
    standing::{Refusal, Standing},
};
use anyhow::Result;
use std::fmt::Write;

/// Starts it with one worker.
pub(crate) fn start(ground: &Ground) -> Result<Standing> {
    let sample = &ground.sample;
    let mut headers = String::new();
    for (name, value) in sample.headers.iter().filter(|(name, _)| name != "content-type") {
        // Into a string: it cannot fail.
        let _ = writeln!(headers, "            add_header {name} '{value}';");
    }
    let launch = Launch::new("nginx")?;
    let address = launch.address.to_string();
    let (folder, body) = (launch.folder().display().to_string(), &sample.body);
    let filled = [
        ("ADDRESS", address.as_str()),
        ("FOLDER", &folder),
        ("HEADERS", headers.trim()),
        ("BODY", body),
        ("LIVE", &sample.live),
        ("NARROW", &sample.narrow),
    ];
    launch.file("nginx.conf", include_str!("nginx.conf"), &filled)?;
    let server = launch.words(["-p", &folder, "-c", "nginx.conf", "-e", "stderr"]).start(ground.cores)?;
    Ok(Standing { server, store: None, key: sample.live.clone(), refused: Refusal::of(sample) })
}
