use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{DeliveryView, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Redeliver a delivery that succeeded or was given up. Its attempts are counted anew.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Retry {
    /// Id of the webhook.
    webhook_id: String,
    /// Id of the delivery.
    delivery_id: String,
}

impl Command for Retry {
    type Right = rights::Webhooks;
    type Output = DeliveryView;

    const NAME: &'static str = "webhooks.retry";
    const TOOL: &'static str = "retry_webhook_delivery";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Post, "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry");
    const EXAMPLE: &'static str =
        "webhook_id=wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d delivery_id=msg_0192f0c12b7a8c3e9d415f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::webhook_id(&self.webhook_id)?;
        let delivery = self.delivery_id.parse().map_err(|_| ServiceError::NotFound("Delivery"))?;
        let retried = context.services.webhooks.retry(&context.permit, id, delivery).await?;
        Ok(CommandAnswer::new(DeliveryView::from(&retried)))
    }
}
