use super::key_status;
use crate::{Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, Style, page};
use dalston_auth::rights;
use dalston_model::{Cursor, PageLimit, Timestamp};
use dalston_service::{KeyView, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the tenant's API keys, newest first.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {
    /// Maximum number of items, 1 to 100; 20 by default.
    #[serde(default, deserialize_with = "page::limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Start of the page: the cursor that the previous page returned. The first page by default.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
    /// Whether to include revoked keys; false by default.
    #[serde(default)]
    include_revoked: bool,
}

impl Command for List {
    type Right = rights::Admin;
    type Output = Vec<KeyView>;

    const NAME: &'static str = "keys.list";
    const TOOL: &'static str = "list_api_keys";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/keys");
    const COLUMNS: &'static [&'static str] =
        &["id", "prefix", "name", "scopes", "rate_limit", "enabled", "last_used_at", "expires_at", "revoked_at"];
    const EXAMPLE: &'static str = "limit=50 include_revoked=true";

    fn render(keys: &Vec<KeyView>, now: Timestamp) -> Document {
        let cells = |key: &KeyView| {
            let limit = match key.rate_limit {
                Some(limit) => Span::plain(&limit.to_string()),
                None => Span::new(Style::Faint, "none"),
            };
            vec![
                vec![Span::new(Style::Code, &key.id)],
                vec![Span::plain(&key.prefix)],
                vec![Span::plain(&key.name)],
                // The space after each comma lets a narrow column break the line.
                vec![Span::plain(&key.scopes.join(", "))],
                vec![limit],
                key_status::last_used(key.last_used_at, now),
                key_status::state(key, now),
            ]
        };
        let head = ["id", "prefix", "name", "scopes", "limit", "last used", "state"];
        Document::table(&head, keys.iter().map(cells).collect())
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let request = page::request(self.limit, self.cursor.as_deref(), None)?;
        let page = context.services.keys.list(&context.permit, &request, self.include_revoked).await?;
        Ok(CommandAnswer::list_as(
            page,
            |used| KeyView::new(used, context.services.keys.scopes()),
            |used| Cursor::of(used.key.created_at, &used.key.id),
        ))
    }
}
