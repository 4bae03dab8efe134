//! Remote backend: calls the command's HTTP route on a running gateway, with the key in `DALSTON_API_KEY`.

use crate::{cli_error::CliError, drawn::RenderedAnswer};
use dalston_client::{Call, Client, ClientError, EndpointError};
use dalston_command::{Arguments, CommandSpec, Method, Registry, shown};
use dalston_model::TenantId;
use dalston_service::NewSecret;
use serde_json::Value;

/// A gateway, and the key for it.
pub(crate) struct RemoteBackend {
    client: Client,
    tenant: Option<TenantId>,
}

impl RemoteBackend {
    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    /// The gateway at `url`.
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

    /// Runs a command by its route.
    pub(crate) async fn invoke(&self, row: &CommandSpec, arguments: Arguments) -> Result<RenderedAnswer, CliError> {
        self.ask(row, arguments, self.tenant.clone()).await
    }

    /// Makes the tenant that was named, unless it is there.
    pub(crate) async fn ensure_tenant(&self, registry: &Registry) -> Result<(), CliError> {
        let Some(tenant) = &self.tenant else { return Ok(()) };
        let row = registry.row("tenants.create").ok_or_else(|| CliError::failed("there is no tenants.create"))?;
        let arguments = Arguments::from_iter([("id".to_owned(), tenant.as_str().into())]);
        // Not in the tenant that is not there yet.
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
        // No answer has more than one of them.
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
