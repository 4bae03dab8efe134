use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute};
use dalston_auth::rights;
use dalston_model::Name;
use dalston_service::{ServiceError, ServiceResult, TenantView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Create a tenant: an isolated customer with its own keys and jobs.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Create {
    /// Id: lower-case letters, digits, - and _, 1 to 63 characters; the first a letter or digit.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$"))]
    id: String,
    /// Display name, 1 to 255 characters.
    #[schemars(with = "Option<String>", length(min = 1, max = 255))]
    name: Option<Name>,
}

impl Command for Create {
    type Right = rights::Platform;
    type Output = TenantView;

    const NAME: &'static str = "tenants.create";
    const TOOL: &'static str = "create_tenant";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::creating("/v1/tenants");
    const EXAMPLE: &'static str = "id=acme name=\"Acme Ltd\"";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = self.id.parse().map_err(|_| {
            ServiceError::invalid("id", "must begin with a letter or digit and hold only a-z, 0-9, _ and -, at most 63")
        })?;
        let tenant = context.services.tenants.create(&context.permit, id, self.name).await?;
        Ok(CommandAnswer::new(TenantView::new(&tenant, None)))
    }
}
