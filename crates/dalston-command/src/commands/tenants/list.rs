use crate::{Answer, Command, Context, Effect, HttpRoute, Method, page::PageParameters};
use dalston_auth::Need;
use dalston_model::Scope;
use dalston_service::{ServiceResult, tenant_view};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the tenants, newest first.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {
    #[serde(flatten)]
    page: PageParameters,
}

impl Command for List {
    const NAME: &'static str = "tenants.list";
    const TOOL: &'static str = "list_tenants";
    const NEED: Need = Need::Scope(Scope::Platform);
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/tenants");
    const COLUMNS: &'static [&'static str] = &["id", "name", "created_at"];

    async fn run(self, context: Context<'_>) -> ServiceResult<Answer> {
        let page = context.services.tenants.list(&context.permit, &self.page.request(None)?).await?;
        Ok(Answer { next: page.next, ..Answer::new(page.items.iter().map(tenant_view).collect()) })
    }
}
