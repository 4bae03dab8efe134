use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, page};
use dalston_auth::rights;
use dalston_model::{Cursor, PageLimit};
use dalston_service::{DeliveryView, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the deliveries of a webhook with their last result, newest first.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Deliveries {
    /// Id of the webhook.
    webhook_id: String,
    /// Maximum number of items, 1 to 100; 20 by default.
    #[serde(default, deserialize_with = "page::limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Start of the page: the cursor that the previous page returned. The first page by default.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
}

impl Command for Deliveries {
    type Right = rights::Webhooks;
    type Output = Vec<DeliveryView>;

    const NAME: &'static str = "webhooks.deliveries";
    const TOOL: &'static str = "list_webhook_deliveries";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/webhooks/{webhook_id}/deliveries");
    const COLUMNS: &'static [&'static str] =
        &["id", "type", "transcription_id", "status", "attempts", "next_at", "last_at", "last_status", "last_error"];
    const EXAMPLE: &'static str = "webhook_id=wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d limit=50";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::webhook_id(&self.webhook_id)?;
        let request = page::request(self.limit, self.cursor.as_deref(), None)?;
        let page = context.services.webhooks.deliveries(&context.permit, id, &request).await?;
        Ok(CommandAnswer::list(page, |delivery| Cursor::of(delivery.created_at, &delivery.id)))
    }
}
