use crate::{Answer, Command, Context, Effect, HttpRoute, Method};
use dalston_auth::Need;
use dalston_model::Scope;
use dalston_service::{ServiceResult, usage_view};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show how an API key is used: requests admitted and refused, the last use, the last thirty days.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Usage {
    /// The id of the key.
    key_id: String,
}

impl Command for Usage {
    const NAME: &'static str = "keys.usage";
    const TOOL: &'static str = "check_api_key_usage";
    const NEED: Need = Need::Scope(Scope::Admin);
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/keys/{key_id}/usage");
    const EXAMPLE: &'static str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    async fn run(self, context: Context<'_>) -> ServiceResult<Answer> {
        let id = super::key_id(&self.key_id)?;
        let usage = context.services.keys.usage(&context.permit, id).await?;
        Ok(Answer::new(usage_view(&id.to_string(), &usage)))
    }
}
