//! The command line, drawn from the registry: on the store itself, or on a running gateway.

mod admin_key;
mod args;
mod backend;
mod render;
mod drawn;
mod cli_error;
mod local;
mod remote;
mod style;
mod terminal;

pub use args::tree;
pub use terminal::Terminal;

use crate::{args::ParsedArgs, backend::Backend, drawn::RenderedAnswer, cli_error::CliError};
use dalston_command::{Effect, Registry, CommandSpec, shown};
use dalston_runtime::unknown_settings;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

/// Reads the command line of the process, does what it says, and tells how it went.
pub async fn main(registry: &Registry) -> ExitCode {
    let given = match ParsedArgs::read(registry) {
        Ok(given) => given,
        Err(error) => {
            // Help and version come this way too, and are no errors.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    // On the heap: all the parts of a gateway are in it.
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
    // First of all: a name that is refused leaves neither a store nor a tenant behind.
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
        // The answer is drawn all the same: it says what is not well.
        if answer.answer.is_success { Ok(()) } else { Err(CliError::failed(format!("{}: not all is well", row.name))) }
    }
    .await;
    door.close().await;
    done
}

/// Draws an answer to standard output.
fn show(registry: &Registry, row: &CommandSpec, answer: &RenderedAnswer, given: &ParsedArgs) -> Result<(), CliError> {
    let mut out = Vec::new();
    render::answer(row, answer, given.style(), &mut out)?;
    deliver(registry, row, answer, given, &out)?;
    // Whoever reads standard output by program has not read all of the list either.
    if let Some(cursor) = &answer.next {
        writeln!(io::stderr(), "There is more: --cursor {}", shown(cursor))?;
    }
    Ok(())
}

/// Writes what was drawn of an answer. A secret that nobody read is lost, and whose it was must be known then.
fn deliver(registry: &Registry, row: &CommandSpec, answer: &RenderedAnswer, given: &ParsedArgs, out: &[u8]) -> Result<(), CliError> {
    match (write(out), &answer.secret) {
        (Err(error), Some(_)) => {
            Err(CliError::unread(registry, row, answer.answer.id.as_deref(), &given.place()?, &error))
        }
        (Err(error), None) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        // Whoever reads may have read enough.
        _ => Ok(()),
    }
}

/// Writes to standard output, and to whatever is behind it.
fn write(out: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(out)?;
    stdout.flush()
}

/// Asks before what cannot be undone.
fn confirmed(row: &CommandSpec, given: &ParsedArgs) -> Result<(), CliError> {
    if row.effect != Effect::Irreversible || given.says_yes() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::usage(format!("{} cannot be undone: say --yes", row.name)));
    }
    write!(io::stderr(), "{} cannot be undone. Go on? [y/N] ", row.name)?;
    let mut said = String::new();
    io::stdin().lock().read_line(&mut said)?;
    if matches!(said.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CliError::failed("nothing was done")) }
}
