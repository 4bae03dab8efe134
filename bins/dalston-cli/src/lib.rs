//! Command line, generated from the registry. Works on the store directly or through a running gateway.

mod admin_key;
mod args;
mod backend;
mod cli_error;
mod drawn;
mod local;
mod remote;
mod render;
mod style;
mod terminal;

pub use args::tree;
pub use cli_error::exit_code_of;
pub use terminal::Terminal;

use crate::{args::ParsedArgs, backend::Backend, cli_error::CliError, drawn::RenderedAnswer};
use dalston_command::{CommandSpec, Effect, Registry, shown};
use dalston_runtime::unknown_settings;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

/// Parses the command line of the process, runs the command and returns its exit code.
pub async fn main(registry: &Registry) -> ExitCode {
    let given = match ParsedArgs::read(registry) {
        Ok(given) => given,
        Err(error) => {
            // clap reports help and version as errors too; they exit with 0.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    // Boxed because the future is large: it contains all parts of a gateway.
    match Box::pin(run(registry, &given)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(io::stderr(), "dalston: {fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

async fn run(registry: &Registry, given: &ParsedArgs) -> Result<(), CliError> {
    if let Some(shell) = given.completions() {
        return match write(&args::completions(registry, shell)) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        };
    }
    for warning in &unknown_settings(args::variables()) {
        cli_error::warn(warning);
    }
    // Validate first: an invalid name must create neither a store nor a tenant.
    let admin_key = given.admin_key()?;
    if given.is_help() && given.server()?.is_none() {
        let (row, _) = given.command(registry)?;
        return show(registry, row, &local::help(registry, given)?, given);
    }
    let door = Backend::open(given).await?;
    let done = async {
        if let Some(asked) = admin_key {
            return admin_key::create(registry, &door, asked, given).await;
        }
        let (row, arguments) = given.command(registry)?;
        confirmed(row, given)?;
        let answer = door.invoke(registry, row, arguments).await?;
        show(registry, row, &answer, given)?;
        // Render the answer in any case: it reports what failed.
        if answer.answer.is_success { Ok(()) } else { Err(CliError::failed(format!("{}: not all is well", row.name))) }
    }
    .await;
    door.close().await;
    done
}

/// Writes an answer to standard output, and a hint at the next page to standard error.
fn show(registry: &Registry, row: &CommandSpec, answer: &RenderedAnswer, given: &ParsedArgs) -> Result<(), CliError> {
    let mut out = Vec::new();
    render::answer(row, answer, given.style(), &mut out)?;
    deliver(registry, row, answer, given, &out)?;
    // Goes to standard error: a program that reads standard output would otherwise parse it as a part of the list.
    if let Some(cursor) = &answer.next {
        writeln!(io::stderr(), "There is more: --cursor {}", shown(cursor))?;
    }
    Ok(())
}

/// Writes the rendered answer. If a secret cannot be written it is lost, so the error names its owner.
fn deliver(
    registry: &Registry,
    row: &CommandSpec,
    answer: &RenderedAnswer,
    given: &ParsedArgs,
    out: &[u8],
) -> Result<(), CliError> {
    match (write(out), &answer.secret) {
        (Err(error), Some(_)) => {
            Err(CliError::unread(registry, row, answer.answer.id.as_deref(), &given.place()?, &error))
        }
        (Err(error), None) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        // The reader may have closed the pipe early.
        _ => Ok(()),
    }
}

/// Writes to standard output and flushes it.
fn write(out: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(out)?;
    stdout.flush()
}

/// Asks for confirmation of an irreversible command, unless `--yes` is given. Fails when standard input is not a
/// terminal.
fn confirmed(row: &CommandSpec, given: &ParsedArgs) -> Result<(), CliError> {
    if row.effect != Effect::Irreversible || given.says_yes() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::usage(format!("{} cannot be undone: add --yes to confirm", row.name.replace('.', " "))));
    }
    write!(io::stderr(), "{} cannot be undone. Continue? [y/N] ", row.name.replace('.', " "))?;
    let mut said = String::new();
    io::stdin().lock().read_line(&mut said)?;
    if matches!(said.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CliError::failed("cancelled")) }
}
