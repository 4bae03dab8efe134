use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceResult, StatusView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Remove a stream worker.
///
/// Its sessions continue. It gets no new ones, unless it registers again.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Remove {
    /// Name of the worker.
    worker_id: String,
}

impl Command for Remove {
    type Right = rights::Worker;
    type Output = StatusView;

    const NAME: &'static str = "workers.remove";
    const TOOL: &'static str = "remove_worker";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Delete, "/v1/workers/{worker_id}");
    const EXAMPLE: &'static str = "worker_id=gpu-1";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let id = super::worker_id(&self.worker_id)?;
        context.services.workers.remove(&context.permit, id).await?;
        Ok(CommandAnswer::new(StatusView::new("removed")))
    }
}
