use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method, page};
use dalston_auth::rights;
use dalston_model::{Cursor, PageLimit};
use dalston_service::{ServiceResult, TenantView};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the tenants, newest first.
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
    type Right = rights::Platform;
    type Output = Vec<TenantView>;

    const NAME: &'static str = "tenants.list";
    const TOOL: &'static str = "list_tenants";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/tenants");
    const COLUMNS: &'static [&'static str] = &["id", "name", "retention_days", "created_at"];
    const EXAMPLE: &'static str = "limit=50";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let page = context
            .services
            .tenants
            .list(&context.permit, &page::request(self.limit, self.cursor.as_deref(), None)?)
            .await?;
        Ok(CommandAnswer::list(page, |(tenant, _)| Cursor::of(tenant.created_at, &tenant.id)))
    }
}
