//! The two ways in: the store itself, or a running gateway.

use crate::{args::ParsedArgs, drawn::RenderedAnswer, cli_error::CliError, local::LocalBackend, remote::RemoteBackend};
use dalston_command::{Arguments, Registry, CommandSpec};
use dalston_runtime::API_KEY;

/// A way in.
pub(crate) enum Backend {
    /// The store, as the local operator.
    Local(Box<LocalBackend>),
    /// A gateway, with a key.
    Remote(RemoteBackend),
}

impl Backend {
    /// The one that the command line names; unless told, the store of the settings.
    pub(crate) async fn open(given: &ParsedArgs) -> Result<Self, CliError> {
        match given.server()? {
            Some(url) => RemoteBackend::new(&url, given.given(&API_KEY)?, given.tenant()?).map(Self::Remote),
            None => LocalBackend::open(given).await.map(|local| Self::Local(Box::new(local))),
        }
    }

    /// Where the gateway is reached; of a store, by its settings.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Local(local) => local.url(),
            Self::Remote(remote) => remote.url(),
        }
    }

    /// Runs a command.
    pub(crate) async fn invoke(&self, registry: &Registry, row: &CommandSpec, arguments: Arguments) -> Result<RenderedAnswer, CliError> {
        match self {
            Self::Local(local) => local.invoke(registry, row, arguments).await,
            Self::Remote(remote) => remote.invoke(row, arguments).await,
        }
    }

    /// Makes the tenant unless it is there.
    pub(crate) async fn ensure_tenant(&self, registry: &Registry) -> Result<(), CliError> {
        match self {
            Self::Local(local) => local.ensure_tenant().await,
            Self::Remote(remote) => remote.ensure_tenant(registry).await,
        }
    }

    /// Ends in good order.
    pub(crate) async fn close(self) {
        if let Self::Local(local) = self {
            local.close().await;
        }
    }
}
