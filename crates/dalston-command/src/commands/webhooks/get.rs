use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceResult, WebhookView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show a webhook, without its secret.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Get {
    /// Id of the webhook.
    webhook_id: String,
}

impl Command for Get {
    type Right = rights::Webhooks;
    type Output = WebhookView;

    const NAME: &'static str = "webhooks.get";
    const TOOL: &'static str = "get_webhook";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/webhooks/{webhook_id}");
    const EXAMPLE: &'static str = "wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::webhook_id(&self.webhook_id)?;
        Ok(CommandAnswer::new(WebhookView::from(&context.services.webhooks.get(&context.permit, id).await?)))
    }
}
