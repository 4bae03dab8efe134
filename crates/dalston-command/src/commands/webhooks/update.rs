use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, arguments::given};
use dalston_auth::rights;
use dalston_model::Description;
use dalston_service::{ServiceResult, WebhookView};
use dalston_work::WebhookPatch;
use schemars::JsonSchema;
use serde::Deserialize;

/// Update a webhook. Omitted fields are unchanged; null clears a field.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
pub(crate) struct Update {
    /// Id of the webhook.
    webhook_id: String,
    /// New URL that receives the deliveries: https, with a public address, at most 2048 characters.
    #[schemars(with = "Option<String>", length(min = 1, max = 2048), extend("type" = "string", "format" = "uri"))]
    #[serde(default, deserialize_with = "given")]
    url: Option<String>,
    /// Events to deliver, which replace the present ones; an empty list for all.
    #[schemars(with = "Option<super::EventsSchema>", extend("type" = "array"))]
    #[serde(default, deserialize_with = "given")]
    events: Option<Vec<String>>,
    /// New purpose, at most 1000 characters; null for none.
    #[schemars(with = "Option<String>", length(max = 1000))]
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<Description>>,
    /// Whether the webhook is enabled. While disabled, pending deliveries wait and no new ones are created.
    #[schemars(with = "Option<bool>", extend("type" = "boolean"))]
    #[serde(default, deserialize_with = "given")]
    enabled: Option<bool>,
}

impl Command for Update {
    type Right = rights::Webhooks;
    type Output = WebhookView;

    const NAME: &'static str = "webhooks.update";
    const TOOL: &'static str = "update_webhook";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Patch, "/v1/webhooks/{webhook_id}");
    const EXAMPLE: &'static str = "webhook_id=wh_0192f0c12b7a7c3e9d415f6e7a8b9c0d enabled=true";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::webhook_id(&self.webhook_id)?;
        let events = self.events.map(|names| super::events(&names)).transpose()?;
        let patch = WebhookPatch { url: self.url, description: self.description, events, enabled: self.enabled };
        let webhook = context.services.webhooks.update(&context.permit, id, patch).await?;
        Ok(CommandAnswer::new(WebhookView::from(&webhook)))
    }
}
