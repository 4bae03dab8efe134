//! The gateway program: reads the settings and serves the app.

use actix_web::rt::System;
use anyhow::{Context, Result};
use clap::{Arg, Command};
use dalston_engine::{DecoderProgram, decode_if_asked};
use dalston_gateway::{BoundAddress, Gateway, ServerLimits, serve};
use dalston_runtime::{Overrides, Runtime, SETTINGS, SettingRow, Settings, Shown, init_logging, unknown_settings};
use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    harden();
    // This program also runs as the decoder: it starts itself in separate processes for that.
    if let Some(code) = decode_if_asked(env::args_os()) {
        return code;
    }
    match System::new().block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Print the chain of causes in one line. The backtrace that RUST_BACKTRACE would add does not help an
            // operator.
            let _ = writeln!(stderr(), "dalston-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    // SIGHUP, from a closing terminal or as a request to reload the settings, must not end the process.
    let _hangups = signal(SignalKind::hangup())?;
    let flags = SETTINGS.iter().flat_map(|setting| [Some(flag(setting)), file_flag(setting)]).flatten();
    let given = Command::new("dalston-gateway").version(env!("CARGO_PKG_VERSION")).args(flags).get_matches();
    let environment = environment();
    let mut settings = Settings::read(&|variable| {
        // Each setting has one flag, with the name of its first variable.
        let flag = given.try_get_one::<String>(variable).ok().flatten().cloned();
        flag.or_else(|| environment.get(variable).cloned())
    })?;
    let _log = init_logging(&settings.log, settings.log_json, settings.mask.clone())?;
    for warning in settings.warnings.iter().chain(&unknown_settings(environment.into_keys())) {
        tracing::warn!(event = "settings.doubtful", %warning, "settings need attention");
    }
    let named = {
        let address = settings.listen;
        move || format!("DALSTON_LISTEN {address}")
    };
    let bound = BoundAddress::bind(settings.listen).with_context(named)?;
    let overrides = Overrides { decoder: Some(DecoderProgram::this()?), ..Overrides::default() };
    let runtime = Arc::new(Runtime::start(&mut settings, overrides).await?);
    runtime.services.jobs.check_bucket().await.context("DALSTON_AUDIO_STORE cannot be used")?;
    let (mut terminal, address) = (stdout(), bound.address()?);
    let url = settings.url(address);
    let shown = terminal.is_terminal().then_some(Shown { out: &mut terminal, url: &url });
    runtime.first_key(&settings, shown).await?;
    let listener = bound.open().with_context(named)?;
    tracing::info!(event = "server.started", %address, store = settings.store.kind(), "listening");
    let gateway = Arc::new(Gateway::new(runtime, &settings));
    let limits = ServerLimits::new(&settings, files(), stderr().is_terminal());
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signalled = async || {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    };
    Ok(serve(listener, gateway, &limits, signalled).await?)
}

/// Returns the flag of a setting. A setting whose default is `false` is a switch: the flag without a value means
/// `true`.
fn flag(setting: &SettingRow) -> Arg {
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let help = format!("{} [{}]{default}", setting.meaning, setting.variable());
    let flag = Arg::new(setting.variable()).long(setting.flag()).help(help).value_name("VALUE");
    if setting.default == "false" { flag.num_args(0..=1).default_missing_value("true") } else { flag }
}

/// Returns the flag that names the file of a secret, if the setting has one.
fn file_flag(setting: &SettingRow) -> Option<Arg> {
    let variable = setting.file_variable(setting.variable())?;
    let help = format!("a file that holds --{} [{variable}]", setting.flag());
    Some(Arg::new(variable).long(format!("{}-file", setting.flag())).help(help).value_name("PATH"))
}

/// Returns the environment. Text that is not UTF-8 is kept (in lossy form), so that the settings refuse it.
fn environment() -> HashMap<String, String> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the gateway reads the environment")]
    let variables = env::vars_os();
    let text = |text: OsString| text.to_string_lossy().into_owned();
    variables.map(|(name, value)| (text(name), text(value))).collect()
}

/// Disables core dumps and debuggers, which could reveal a secret (SEC-04). Errors are ignored: if the kernel refuses,
/// the process runs without this protection.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Raises the limit of open files to the maximum that the kernel allows, and returns it. `None`: unlimited.
fn files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    // If the kernel refuses, the limit stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}
