//! Local backend: works on the store as the local operator. Access to the store needs no key.

use crate::{
    args::ParsedArgs,
    cli_error::{self, CliError},
    drawn::RenderedAnswer,
};
use dalston_auth::{Caller, PepperError, RejectionReason};
use dalston_command::{Arguments, CommandSpec, Registry};
use dalston_model::Principal;
use dalston_runtime::{Log, Overrides, Runtime, Settings, StoreUrl, init_logging};
use dalston_service::IssuedSecret;
use std::path::Path;

/// An open store, and the caller that commands run as.
pub(crate) struct LocalBackend {
    runtime: Runtime,
    caller: Caller,
    url: String,
    _log: Log,
}

impl LocalBackend {
    /// Opens the store given by the settings.
    pub(crate) async fn open(given: &ParsedArgs) -> Result<Self, CliError> {
        let mut settings =
            Settings::read(&|variable| given.setting(variable)).map_err(|error| CliError::usage(error.to_string()))?;
        // The log is limited to errors by default, because a person reads the output.
        let level = if given.setting("DALSTON_LOG").is_some() { &settings.log } else { "error" };
        let log = init_logging(level, settings.log_json, settings.mask.clone())
            .map_err(|error| CliError::usage(format!("{error:#}")))?;
        settings.warnings.iter().for_each(|warning| cli_error::warn(warning));
        match &settings.store {
            StoreUrl::Sqlite(path) => there_is_one(path, given)?,
            StoreUrl::Memory if given.is_create_admin_key() => {
                return Err(CliError::usage("memory:// ends with this command, and no gateway would know the key"));
            }
            _ => {}
        }
        let tenant = given.tenant()?;
        let runtime = Runtime::start(&mut settings, Overrides::default()).await;
        let runtime = runtime.map_err(|error| match error.downcast_ref::<PepperError>() {
            Some(PepperError::Other { .. }) => CliError::usage(error.to_string()),
            _ => CliError::unreachable(format!("{error:#}")),
        })?;
        let operator = runtime.gate.operator("the command line on the store");
        let caller = match tenant {
            None => operator,
            Some(tenant) => operator.in_tenant(tenant).map_err(refused)?,
        };
        Ok(Self { runtime, caller, url: settings.url(settings.listen), _log: log })
    }

    /// Returns the URL at which a gateway with these settings is reached.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs a command. Fails when the tenant does not exist.
    pub(crate) async fn invoke(
        &self,
        registry: &Registry,
        row: &CommandSpec,
        arguments: Arguments,
    ) -> Result<RenderedAnswer, CliError> {
        let services = &self.runtime.services;
        services.tenants.check(self.caller.tenant()).await?;
        let answer = registry.invoke(services, &self.caller, row.name, arguments, None).await?;
        let secret =
            answer.secret.as_ref().map(|IssuedSecret { secret, .. }| (secret.name(), secret.expose().to_owned()));
        let next = answer.next.as_ref().map(ToString::to_string);
        Ok(RenderedAnswer { answer, secret, next })
    }

    /// Creates the tenant unless it exists.
    pub(crate) async fn ensure_tenant(&self) -> Result<(), CliError> {
        let permit = self.caller.permit().map_err(refused)?;
        Ok(self.runtime.services.tenants.ensure(&permit, permit.tenant().clone()).await?)
    }

    /// Shuts down cleanly.
    pub(crate) async fn close(&self) {
        self.runtime.stop().await;
    }
}

/// Returns the answer of `help` for the local operator. Needs no store.
pub(crate) fn help(registry: &Registry, given: &ParsedArgs) -> Result<RenderedAnswer, CliError> {
    let operator = Principal::operator(given.tenant()?.unwrap_or_default());
    Ok(RenderedAnswer { answer: registry.help(&operator)?, secret: None, next: None })
}

fn refused(reason: RejectionReason) -> CliError {
    CliError::new(reason.code(), reason.detail())
}

/// Fails if the database does not exist. Opening would create it, so a command in the wrong folder would show an empty
/// store.
fn there_is_one(path: &Path, given: &ParsedArgs) -> Result<(), CliError> {
    // If the check itself fails, opening the store reports the error.
    if given.is_create_admin_key() || path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let (path, ways) = (path.display(), "name another with --store or --data-dir, or make it with create-admin-key");
    Err(CliError::unreachable(format!("there is no store at {path}: {ways}")))
}
