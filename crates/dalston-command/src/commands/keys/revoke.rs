use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{ServiceResult, StatusView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Revoke an API key permanently. Revoking it again has no further effect.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Revoke {
    /// Id of the key.
    key_id: String,
}

impl Command for Revoke {
    type Right = rights::Admin;
    type Output = StatusView;

    const NAME: &'static str = "keys.revoke";
    const TOOL: &'static str = "revoke_api_key";
    const EFFECT: Effect = Effect::Irreversible;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Delete, "/auth/keys/{key_id}");
    const EXAMPLE: &'static str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        context.services.keys.revoke(&context.permit, super::key_id(&self.key_id)?).await?;
        Ok(CommandAnswer::new(StatusView::new("revoked")))
    }
}
