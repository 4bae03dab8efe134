use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceError, ServiceResult, TenantView};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// How long a tenant may ask to keep jobs, in days.
const LONGEST: u32 = 36_500;

/// Change a tenant. Fields that are left out stay as they are; null clears.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
pub(crate) struct Update {
    /// The id of the tenant.
    tenant_id: String,
    /// Keep its ended jobs for so many days, 1 to 36500, or null for as long as the gateway's setting says.
    #[schemars(with = "Option<u32>", range(min = 1, max = 36_500))]
    #[serde(default, deserialize_with = "given")]
    retention_days: Option<Option<u32>>,
}

/// A value that is given, be it null: a field that is left out stays `None`.
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Command for Update {
    type Right = rights::Platform;
    type Output = TenantView;

    const NAME: &'static str = "tenants.update";
    const TOOL: &'static str = "update_tenant";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Patch, "/v1/tenants/{tenant_id}");
    const EXAMPLE: &'static str = "tenant_id=acme retention_days=30";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::tenant_id(&self.tenant_id)?;
        let Some(days) = self.retention_days else {
            return Err(ServiceError::invalid("body", "must change at least one field"));
        };
        if days.is_some_and(|days| !(1..=LONGEST).contains(&days)) {
            return Err(ServiceError::invalid("retention_days", "must be days from 1 to 36500, or null"));
        }
        let tenant = context.services.tenants.retain(&context.permit, &id, days).await?;
        Ok(CommandAnswer::new(TenantView::new(&tenant, days)))
    }
}
