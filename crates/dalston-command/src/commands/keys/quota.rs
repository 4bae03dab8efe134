use crate::{
    Block, Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method,
    commands::usage::{QuotaArguments, quota_fields},
};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{QuotaView, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Set all quotas of an API key. A quota that is omitted or null is unlimited.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SetQuota {
    /// Id of the key.
    key_id: String,
    #[serde(flatten)]
    limits: QuotaArguments,
}

impl Command for SetQuota {
    type Right = rights::Admin;
    type Output = QuotaView;

    const NAME: &'static str = "keys.quota";
    const TOOL: &'static str = "limit_api_key";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Put, "/auth/keys/{key_id}/quota");
    const EXAMPLE: &'static str =
        "key_id=0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d seconds_per_day=3600 concurrent_streams=2";

    fn render(output: &QuotaView, _: Timestamp) -> Document {
        Document { blocks: vec![Block::Fields(quota_fields(output))] }
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let quota = self.limits.into();
        let id = super::key_id(&self.key_id)?;
        let meter = context.services.meters.limit_key(&context.permit, id, &quota).await?;
        Ok(CommandAnswer::new(QuotaView::from(&meter)))
    }
}
