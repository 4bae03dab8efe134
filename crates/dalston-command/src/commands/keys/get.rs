use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::rights;
use dalston_service::{KeyView, ServiceResult};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show an API key, without its secret.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Get {
    /// Id of the key.
    key_id: String,
}

impl Command for Get {
    type Right = rights::Admin;
    type Output = KeyView;

    const NAME: &'static str = "keys.get";
    const TOOL: &'static str = "get_api_key";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/keys/{key_id}");
    const EXAMPLE: &'static str = "0192f0c1-2b7a-7c3e-9d41-5f6e7a8b9c0d";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let used = context.services.keys.get(&context.permit, super::key_id(&self.key_id)?).await?;
        Ok(CommandAnswer::new(KeyView::new(&used, context.services.keys.scopes())))
    }
}
