//! The gateway's program: settings in, a served app out.

use anyhow::{Context, Result};
use clap::{Arg, Command};
use dalston_gateway::{Gateway, Limits, serve};
use dalston_runtime::{Runtime, SETTINGS, Seams, Setting, Settings, init_logging};
use std::{
    env,
    io::{IsTerminal, Write, stdout},
    net::TcpListener,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};

#[actix_web::main]
async fn main() -> Result<()> {
    harden();
    let flags = SETTINGS.iter().map(flag);
    let given = Command::new("dalston-gateway").version(env!("CARGO_PKG_VERSION")).args(flags).get_matches();
    #[expect(clippy::disallowed_methods, reason = "the one place where the gateway reads the environment")]
    let mut settings = Settings::read(&|variable| {
        // A flag has the name of the first variable of its setting only.
        let flag = given.try_get_one::<String>(variable).ok().flatten().cloned();
        flag.or_else(|| env::var(variable).ok())
    })?;
    init_logging(&settings.log, settings.log_json)?;
    let listener = TcpListener::bind(settings.listen).with_context(|| format!("DALSTON_LISTEN {}", settings.listen))?;
    let runtime = Arc::new(Runtime::start(&mut settings, Seams::default()).await?);
    let mut terminal = stdout();
    let shown = terminal.is_terminal().then_some(&mut terminal as &mut dyn Write);
    runtime.first_key(&settings, shown).await?;
    tracing::info!(address = %listener.local_addr()?, store = settings.store.kind(), "listening");
    let gateway = Arc::new(Gateway::new(runtime, &settings));
    let limits = Limits::new(&settings, files());
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    };
    Ok(serve(listener, gateway, &limits, stop).await?)
}

/// The flag of a setting. One that is false unless it is set is a switch: its name alone means true.
fn flag(setting: &Setting) -> Arg {
    let flag = Arg::new(setting.variable()).long(setting.flag()).help(setting.meaning).value_name("VALUE");
    if setting.default == "false" { flag.num_args(0..=1).default_missing_value("true") } else { flag }
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
