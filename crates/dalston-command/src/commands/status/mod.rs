mod drawing;

use crate::{Answer, Command, Context, Drawing, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_model::Timestamp;
use dalston_service::{Report, ServiceError, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Show how the service is: its health and figures, and more of them to admins.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Status {}

impl Command for Status {
    type Right = rights::Authenticated;

    const NAME: &'static str = "status";
    const TOOL: &'static str = "status";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/status");

    fn draw(data: &Value, _: Timestamp) -> Drawing {
        // A node of another version may answer something else.
        Report::deserialize(data).map_or_else(|_| Drawing::of(data, Self::COLUMNS), |report| drawing::draw(&report))
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer> {
        let report = context.services.status.report(&context.permit).await;
        Ok(Answer::new(serde_json::to_value(report).map_err(|_| ServiceError::Internal)?))
    }
}
