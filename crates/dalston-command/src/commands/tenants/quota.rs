use crate::{
    Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method,
    commands::usage::{QuotaArguments, quota_fields},
};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{QuotaView, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Set all quotas of a tenant. A quota that is omitted or null is unlimited.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SetQuota {
    /// Id of the tenant.
    tenant_id: String,
    #[serde(flatten)]
    limits: QuotaArguments,
}

impl Command for SetQuota {
    type Right = rights::Platform;
    type Output = QuotaView;

    const NAME: &'static str = "tenants.quota";
    const TOOL: &'static str = "limit_tenant";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Put, "/v1/tenants/{tenant_id}/quota");
    const EXAMPLE: &'static str = "tenant_id=acme seconds_per_day=36000 concurrent_jobs=100";

    fn render(output: &QuotaView, _: Timestamp) -> Document {
        Document { blocks: vec![Block::Fields(quota_fields(output))] }
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let quota = self.limits.into();
        let id = super::tenant_id(&self.tenant_id)?;
        let meter = context.services.meters.limit_tenant(&context.permit, id, &quota).await?;
        Ok(CommandAnswer::new(QuotaView::from(&meter)))
    }
}
