//! The answer that every server gives: that of the gateway, taken once.

use crate::{
    cores::Cores,
    gateway_server::serve,
    http::{Answer, ask},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fmt::Write, path::Path};

/// Headers that a server makes for each connection or message by itself.
const OWN: [&str; 5] = ["connection", "content-length", "date", "server", "transfer-encoding"];

/// Keys, and what the first of them is answered.
pub(crate) struct Sample {
    /// May read jobs.
    pub(crate) live: String,
    /// May not.
    pub(crate) narrow: String,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The JSON.
    pub(crate) body: String,
}

impl Sample {
    /// From a gateway that is started for it. No later server but those that are told knows its keys.
    pub(crate) fn take(programs: &Path, cores: Cores) -> Result<Self> {
        let (server, keys) = serve(programs, cores, None)?;
        let mut answer = ask(server.address, "GET /auth/me", &keys.live, None)?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        answer.headers.retain(|(name, _)| !OWN.contains(&name.as_str()));
        Ok(Self { live: keys.live, narrow: keys.narrow, headers: answer.headers, body: answer.body })
    }

    /// Headers, an empty line, the body.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            // Into a string: it cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text + "\n" + &self.body
    }

    /// The body's members.
    pub(crate) fn record(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// An error unless the answer is a success with the same headers and the same JSON, whatever their values.
    pub(crate) fn compare(&self, answer: &Answer) -> Result<()> {
        ensure!(answer.status == 200, "the live key is answered {}: {}", answer.status, answer.body);
        for (name, _) in &self.headers {
            ensure!(answer.headers.iter().any(|(given, _)| given == name), "there is no header {name}");
        }
        let (given, own) = (serde_json::from_str(&answer.body)?, self.record()?);
        ensure!(members(&given).context("no object")? == members(&own).context("no object")?, "another JSON: {given}");
        Ok(())
    }
}

fn members(value: &Value) -> Option<Vec<&str>> {
    let mut names: Vec<&str> = value.as_object()?.keys().map(String::as_str).collect();
    names.sort_unstable();
    Some(names)
}
