use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, arguments::given};
use dalston_auth::rights;
use dalston_model::Description;
use dalston_service::{ServiceResult, WebhookView};
use dalston_work::WebhookPatch;
use schemars::JsonSchema;
use serde::Deserialize;

/// Change a webhook. Fields that are left out stay as they are; null clears.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "left out, cleared and set are three things")]
pub(crate) struct Update {
    /// The id of the webhook.
    webhook_id: String,
    /// Where deliveries go from now on: https, to a public address.
    #[schemars(with = "Option<String>", length(min = 1, max = 2048), extend("type" = "string", "format" = "uri"))]
    #[serde(default, deserialize_with = "given")]
    url: Option<String>,
    /// What it hears; none named: everything.
    #[schemars(with = "Option<super::EventsSchema>", extend("type" = "array"))]
    #[serde(default, deserialize_with = "given")]
    events: Option<Vec<String>>,
    /// A new description, or null for none.
    #[schemars(with = "Option<String>", length(max = 1000))]
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<Description>>,
    /// On or off. What was to be delivered while it was off is delivered once it is on.
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
