use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use bytes::Bytes;
use dalston_auth::{Caller, rights};
use dalston_service::{CallerView, KeyView, ServiceResult, Services};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show the authenticated caller: its key, tenant and scopes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Whoami {}

impl Command for Whoami {
    type Right = rights::Authenticated;
    type Output = CallerView;

    const NAME: &'static str = "whoami";
    const TOOL: &'static str = "whoami";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/auth/me");

    fn ready(services: &Services, caller: &Caller) -> Option<Bytes> {
        services.whoami.card(caller.cached_key()?)
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let caller = context.permit.caller();
        if let Some(holder) = caller.cached_key() {
            let used = context.services.whoami.read(holder).await?;
            return Ok(CommandAnswer::new(KeyView::new(&used, context.services.keys.scopes()).into()));
        }
        Ok(CommandAnswer::new(CallerView::keyless(caller)))
    }
}
