//! `HAProxy`: keys and scopes in maps, the limit by a stick table, an answer from its configuration.

use crate::{
    ground::Ground,
    server::Launch,
    standing::{Refusal, Standing},
};
use anyhow::Result;
use std::fmt::Write;

/// Starts it with one thread.
pub(crate) fn start(ground: &Ground) -> Result<Standing> {
    let sample = &ground.sample;
    let (mut headers, mut kind) = (String::new(), "application/json");
    for (name, value) in &sample.headers {
        if name == "content-type" {
            kind = value;
        } else {
            // Into a string: it cannot fail.
            let _ = write!(headers, " hdr {name} '{value}'");
        }
    }
    let launch = Launch::new("haproxy")?;
    let (address, folder) = (launch.address.to_string(), launch.folder().display().to_string());
    let filled = [("ADDRESS", address.as_str()), ("FOLDER", &folder), ("KIND", kind), ("HEADERS", &headers)];
    launch.file("haproxy.cfg", include_str!("haproxy.cfg"), &filled)?;
    launch.file("answer.json", &sample.body, &[])?;
    launch.file("keys.map", &format!("{} live\n{} narrow\n", sample.live, sample.narrow), &[])?;
    launch.file("scopes.map", "live jobs:read\nnarrow realtime\n", &[])?;
    let server = launch.words(["-db", "-f", "haproxy.cfg"]).start(ground.cores)?;
    Ok(Standing { server, store: None, key: sample.live.clone(), refused: Refusal::of(sample) })
}
