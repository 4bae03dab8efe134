//! Command line, generated from the registry. Works on the store directly or through a running gateway.

use dalston_command::Registry;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    dalston_cli::main(&Registry::new()).await
}
