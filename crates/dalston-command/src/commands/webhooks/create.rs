use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute};
use dalston_auth::rights;
use dalston_model::Description;
use dalston_service::{CreateWebhook, IssuedSecret, ServiceResult, WebhookView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Create a webhook: a URL that is notified whenever a transcription job ends.
///
/// Deliveries are signed (Standard Webhooks). Its secret is shown once.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Create {
    /// URL that receives the deliveries: https, with a public address, at most 2048 characters.
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    url: String,
    /// Events to deliver; all by default.
    #[serde(default)]
    #[schemars(with = "super::EventsSchema")]
    events: Vec<String>,
    /// Purpose, at most 1000 characters.
    #[schemars(with = "Option<String>", length(max = 1000))]
    description: Option<Description>,
}

impl Command for Create {
    type Right = rights::Webhooks;
    type Output = WebhookView;

    const NAME: &'static str = "webhooks.create";
    const TOOL: &'static str = "create_webhook";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::creating("/v1/webhooks");
    const EXAMPLE: &'static str = "url=https://example.com/hook events=transcription.completed";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let events = super::events(&self.events)?;
        let ask = CreateWebhook { url: self.url, events, description: self.description };
        let (webhook, secret) = context.services.webhooks.create(&context.permit, ask).await?;
        let view = WebhookView::from(&webhook);
        Ok(CommandAnswer { secret: Some(IssuedSecret::webhook(&webhook, secret)), ..CommandAnswer::new(view) })
    }
}
