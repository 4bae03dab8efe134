use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceResult, WorkerView};
use schemars::JsonSchema;
use serde::Deserialize;

/// List the workers that serve your tenant's streams, with their load.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {}

impl Command for List {
    type Right = rights::Worker;
    type Output = Vec<WorkerView>;

    const NAME: &'static str = "workers.list";
    const TOOL: &'static str = "list_workers";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/workers");
    const COLUMNS: &'static [&'static str] = &["id", "tenant_id", "url", "sessions", "capacity", "lapses_at"];

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let workers = context.services.workers.list(&context.permit).await?;
        Ok(CommandAnswer::new(workers.iter().map(|load| WorkerView::new(load, &context.permit)).collect()))
    }
}
