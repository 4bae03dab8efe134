use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceResult, StatusView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Delete a webhook with its secret and its deliveries.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Delete {
    /// Id of the webhook.
    webhook_id: String,
}

impl Command for Delete {
    type Right = rights::Webhooks;
    type Output = StatusView;

    const NAME: &'static str = "webhooks.delete";
    const TOOL: &'static str = "delete_webhook";
    const EFFECT: Effect = Effect::Irreversible;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Delete, "/v1/webhooks/{webhook_id}");
    const EXAMPLE: &'static str = "wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        context.services.webhooks.delete(&context.permit, super::webhook_id(&self.webhook_id)?).await?;
        Ok(CommandAnswer::new(StatusView::new("deleted")))
    }
}
