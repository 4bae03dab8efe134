//! Clients that do not take their answers, or take places: what they may hold, and how it ends.

mod memory;
mod pipeline;
mod places;
mod slow;
mod unread;

use kit::app::Start;
use std::time::Duration;

/// A gateway that waits so long for clients to take their answers.
fn patient(write: Duration) -> Start {
    Start::default().limits(|limits| dalston_gateway::ServerLimits { write, linger: write, ..limits })
}

/// A request on a connection that goes on.
fn get(path: &str, secret: Option<&str>) -> String {
    request("GET", path, secret)
}

fn request(method: &str, path: &str, secret: Option<&str>) -> String {
    let credential = secret.map(|secret| format!("Authorization: Bearer {secret}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{credential}\r\n")
}
