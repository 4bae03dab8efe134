//! The gateway's program: settings in, a served app out.

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
    // The same program decodes, in processes that it starts for that.
    if let Some(code) = decode_if_asked(env::args_os()) {
        return code;
    }
    match System::new().block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in a line. A backtrace, which RUST_BACKTRACE would add, tells a person nothing.
            let _ = writeln!(stderr(), "dalston-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    // A terminal that closes, and who means that settings are to be read anew, end nothing.
    let _hangups = signal(SignalKind::hangup())?;
    let flags = SETTINGS.iter().flat_map(|setting| [Some(flag(setting)), file_flag(setting)]).flatten();
    let given = Command::new("dalston-gateway").version(env!("CARGO_PKG_VERSION")).args(flags).get_matches();
    let environment = environment();
    let mut settings = Settings::read(&|variable| {
        // A flag has the name of the first variable of its setting only.
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

/// The flag of a setting. One that is false unless it is set is a switch: its name alone means true.
fn flag(setting: &SettingRow) -> Arg {
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let help = format!("{} [{}]{default}", setting.meaning, setting.variable());
    let flag = Arg::new(setting.variable()).long(setting.flag()).help(help).value_name("VALUE");
    if setting.default == "false" { flag.num_args(0..=1).default_missing_value("true") } else { flag }
}

/// The flag of the file of a secret.
fn file_flag(setting: &SettingRow) -> Option<Arg> {
    let variable = setting.file_variable(setting.variable())?;
    let help = format!("a file that holds --{} [{variable}]", setting.flag());
    Some(Arg::new(variable).long(format!("{}-file", setting.flag())).help(help).value_name("PATH"))
}

/// The environment. What is not UTF-8 is there as well, to be refused.
fn environment() -> HashMap<String, String> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the gateway reads the environment")]
    let variables = env::vars_os();
    let text = |text: OsString| text.to_string_lossy().into_owned();
    variables.map(|(name, value)| (text(name), text(value))).collect()
}

/// No core file and no debugger: neither may show a secret (SEC-04). Where the kernel does not allow it, it stays as is.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// How many files may be open: as many as the kernel lets this process have. `None`: any number.
fn files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where the kernel does not allow it, it stays as is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}
