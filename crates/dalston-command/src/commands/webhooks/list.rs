use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, page};
use dalston_auth::rights;
use dalston_model::{Cursor, PageLimit};
use dalston_service::{ServiceResult, WebhookView};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the tenant's webhooks, newest first.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {
    /// Maximum number of items, 1 to 100; 20 by default.
    #[serde(default, deserialize_with = "page::limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Start of the page: the cursor that the previous page returned. The first page by default.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
}

impl Command for List {
    type Right = rights::Webhooks;
    type Output = Vec<WebhookView>;

    const NAME: &'static str = "webhooks.list";
    const TOOL: &'static str = "list_webhooks";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/webhooks");
    const COLUMNS: &'static [&'static str] =
        &["id", "url", "events", "enabled", "last_success_at", "failed_deliveries"];
    const EXAMPLE: &'static str = "limit=50";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let request = page::request(self.limit, self.cursor.as_deref(), None)?;
        let page = context.services.webhooks.list(&context.permit, &request).await?;
        Ok(CommandAnswer::list(page, |webhook| Cursor::of(webhook.created_at, &webhook.id)))
    }
}
