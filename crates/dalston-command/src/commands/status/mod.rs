mod drawing;

use crate::{Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{Report, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show the health and statistics of the service. Admins see more statistics.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ShowStatus {}

impl Command for ShowStatus {
    type Right = rights::Authenticated;
    type Output = Report;

    const NAME: &'static str = "status";
    const TOOL: &'static str = "status";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/status");

    fn render(report: &Report, _: Timestamp) -> Document {
        drawing::draw(report)
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        Ok(CommandAnswer::new(context.services.status.report(&context.permit).await))
    }
}
