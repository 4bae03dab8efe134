use crate::{Answer, Command, Context, Effect, HttpRoute, Method};
use bytes::Bytes;
use dalston_auth::{Caller, rights};
use dalston_service::{CallerView, KeyView, ServiceResult, Services};
use schemars::JsonSchema;
use serde::Deserialize;

/// Show who you are: your key, its tenant, its scopes.
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
        services.own_keys.card(caller.holder()?)
    }

    async fn run(self, context: Context<'_, Self::Right>) -> ServiceResult<Answer<Self::Output>> {
        let caller = context.permit.caller();
        if let Some(holder) = caller.holder() {
            let used = context.services.own_keys.read(holder).await?;
            return Ok(Answer::new(KeyView::new(&used, context.services.keys.scopes()).into()));
        }
        Ok(Answer::new(CallerView::keyless(caller)))
    }
}
