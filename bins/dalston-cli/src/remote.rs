//! Remote backend: calls the command's HTTP route on a running gateway, with the key in `DALSTON_API_KEY`.

use crate::{cli_error::CliError, drawn::RenderedAnswer};
use dalston_client::{Call, Client, ClientError, EndpointError};
use dalston_command::{Arguments, CommandSpec, Method, Registry, shown};
use dalston_model::TenantId;
use dalston_service::NewSecret;
use serde_json::Value;

/// A running gateway, with a client that has the key.
pub(crate) struct RemoteBackend {
    client: Client,
    tenant: Option<TenantId>,
}

impl RemoteBackend {
    /// Returns the gateway's URL, without a trailing slash.
    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    /// Returns a backend for the gateway at `url`. Fails when the key is missing or unusable, or the URL is invalid.
    pub(crate) fn new(url: &str, key: Option<String>, tenant: Option<TenantId>) -> Result<Self, CliError> {
        let key = key.ok_or_else(|| CliError::usage("--server needs a key in DALSTON_API_KEY"))?;
        let client = Client::new(url, &key).map_err(|error| match error {
            EndpointError::Secret => {
                CliError::usage("DALSTON_API_KEY must hold visible ASCII characters only: no space, no end of line")
            }
            EndpointError::Url | EndpointError::Password => {
                CliError::usage(format!("--server (DALSTON_SERVER) {error}"))
            }
            _ => CliError::failed(error.to_string()),
        })?;
        Ok(Self { client, tenant })
    }

    /// Runs a command by its HTTP route.
    pub(crate) async fn invoke(&self, row: &CommandSpec, arguments: Arguments) -> Result<RenderedAnswer, CliError> {
        self.ask(row, arguments, self.tenant.clone()).await
    }

    /// Creates the given tenant unless it exists.
    pub(crate) async fn ensure_tenant(&self, registry: &Registry) -> Result<(), CliError> {
        let Some(tenant) = &self.tenant else { return Ok(()) };
        let row = registry.row("tenants.create").ok_or_else(|| CliError::failed("there is no tenants.create"))?;
        let arguments = Arguments::from_iter([("id".to_owned(), tenant.as_str().into())]);
        // The request is not made in that tenant, because it does not exist yet.
        match self.ask(row, arguments, None).await {
            Err(fault) if !fault.is_conflict() => Err(fault),
            _ => Ok(()),
        }
    }

    async fn ask(
        &self,
        row: &CommandSpec,
        arguments: Arguments,
        tenant: Option<TenantId>,
    ) -> Result<RenderedAnswer, CliError> {
        let call = Call::new(method(row.route.method), row.route.pattern).with_all(arguments);
        let reply = self.client.clone().in_tenant(tenant).call::<Value>(call).await;
        let mut reply = reply.map_err(|error| self.fault(error))?;
        // An answer contains at most one secret.
        let data = &mut reply.output;
        let secret = NewSecret::NAMES
            .into_iter()
            .find_map(|name| data.as_object_mut()?.shift_remove(name)?.as_str().map(|text| (name, text.to_owned())));
        let answer = row
            .read(reply.output)
            .map_err(|error| CliError::failed(format!("{error}. Is the gateway of another version?")))?;
        Ok(RenderedAnswer { answer, secret, next: reply.next })
    }

    fn fault(&self, error: ClientError) -> CliError {
        match error {
            ClientError::Refused(problem) => CliError::new(problem.code, shown(&problem.to_string())),
            ClientError::MissingArgument(_) => CliError::usage(error.to_string()),
            ClientError::Unreachable(cause) => {
                CliError::unreachable(format!("the gateway at {} cannot be reached: {cause}", self.url()))
            }
            _ => CliError::failed(error.to_string()),
        }
    }
}

fn method(method: Method) -> dalston_client::Method {
    match method {
        Method::Get => dalston_client::Method::GET,
        Method::Post => dalston_client::Method::POST,
        Method::Put => dalston_client::Method::PUT,
        Method::Patch => dalston_client::Method::PATCH,
        Method::Delete => dalston_client::Method::DELETE,
    }
}
