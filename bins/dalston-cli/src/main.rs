//! The command line: drawn from the registry, on the store itself or on a running gateway.

use dalston_command::Registry;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    dalston_cli::main(&Registry::new()).await
}
