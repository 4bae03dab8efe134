//! Backends of the command line: the store itself, or a running gateway.

use crate::{args::ParsedArgs, cli_error::CliError, drawn::RenderedAnswer, local::LocalBackend, remote::RemoteBackend};
use dalston_command::{Arguments, CommandSpec, Registry};
use dalston_runtime::API_KEY;

/// A backend.
pub(crate) enum Backend {
    /// The store, as the local operator.
    Local(Box<LocalBackend>),
    /// A gateway, with a key.
    Remote(RemoteBackend),
}

impl Backend {
    /// Opens the backend given on the command line; by default the store of the settings.
    pub(crate) async fn open(given: &ParsedArgs) -> Result<Self, CliError> {
        match given.server()? {
            Some(url) => RemoteBackend::new(&url, given.given(&API_KEY)?, given.tenant()?).map(Self::Remote),
            None => LocalBackend::open(given).await.map(|local| Self::Local(Box::new(local))),
        }
    }

    /// Returns the URL of the gateway; for a store, the one given by its settings.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Local(local) => local.url(),
            Self::Remote(remote) => remote.url(),
        }
    }

    /// Runs a command.
    pub(crate) async fn invoke(
        &self,
        registry: &Registry,
        row: &CommandSpec,
        arguments: Arguments,
    ) -> Result<RenderedAnswer, CliError> {
        match self {
            Self::Local(local) => local.invoke(registry, row, arguments).await,
            Self::Remote(remote) => remote.invoke(row, arguments).await,
        }
    }

    /// Creates the tenant unless it exists.
    pub(crate) async fn ensure_tenant(&self, registry: &Registry) -> Result<(), CliError> {
        match self {
            Self::Local(local) => local.ensure_tenant().await,
            Self::Remote(remote) => remote.ensure_tenant(registry).await,
        }
    }

    /// Shuts down cleanly.
    pub(crate) async fn close(self) {
        if let Self::Local(local) = self {
            local.close().await;
        }
    }
}
