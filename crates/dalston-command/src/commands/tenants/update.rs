use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceError, ServiceResult, TenantView};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Maximum retention of jobs in days.
const LONGEST: u32 = 36_500;

/// Update a tenant. Omitted fields are unchanged; null clears a field.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
pub(crate) struct Update {
    /// Id of the tenant.
    tenant_id: String,
    /// Retention of ended jobs in days, 1 to 36500; null for the setting of the gateway.
    #[schemars(with = "Option<u32>", range(min = 1, max = 36_500))]
    #[serde(default, deserialize_with = "given")]
    retention_days: Option<Option<u32>>,
}

/// Deserializes a field that is present, even if null. An absent field stays `None` (by its default).
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
